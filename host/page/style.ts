/**
 * The page's style sheet. Colours are pairs of light and dark, each with contrast of 4.5 and more
 * (WCAG 2.2, 1.4.3); nothing is told by colour alone.
 *
 * @module
 */

/** The text. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f6f8fa; --card: #ffffff; --ink: #15202b; --soft: #4a5867; --line: #d5dde5;
  --link: #0a58a8; --accent: #0b7285; --good: #1b6e35; --bad: #b3261e; --warn: #7a5200;
  --bar: #2b8aa0; --bar-soft: #bfe0e8; --mark: #fff3cd; --flame-text: #15202b;
  --f0: #f9c97c; --f1: #f3a683; --f2: #9fd3c7; --f3: #b8c6f0; --f4: #d9d9d9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0e141a; --card: #161e26; --ink: #e4ebf2; --soft: #a7b4c2; --line: #2d3945;
    --link: #7fc1ff; --accent: #5cc9dc; --good: #6fd08c; --bad: #ff9c94; --warn: #f0c36d;
    --bar: #4fb6cb; --bar-soft: #234a55; --mark: #40361a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, "Liberation Sans", "DejaVu Sans", sans-serif; overflow-wrap: break-word;
}
a { color: var(--link); text-underline-offset: .15em; }
a:hover { text-decoration-thickness: 2px; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 3px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .5rem 1rem; z-index: 2; }
header { background: var(--card); border-bottom: 1px solid var(--line); }
header > div, main, footer { max-width: 78rem; margin: 0 auto; padding: 0 1.25rem; }
header > div { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1.5rem; min-height: 3.5rem; padding-block: .4rem; }
.brand { display: flex; align-items: center; gap: .5rem; font-weight: 700; font-size: 1.15rem; color: var(--ink); text-decoration: none; }
.brand svg { width: 1.75rem; height: 1.75rem; color: var(--accent); }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem; list-style: none; margin: 0; padding: 0; }
nav a { display: block; padding: .35rem .7rem; border-radius: .4rem; color: var(--ink); text-decoration: none; }
nav a:hover { background: var(--ground); }
nav a[aria-current] { background: var(--ground); box-shadow: inset 0 -3px var(--accent); font-weight: 600; }
.liveness { margin-left: auto; display: flex; align-items: center; gap: .6rem; color: var(--soft); }
.alarm { display: inline-block; padding: .2rem .7rem; border-radius: .4rem; border: 2px solid currentColor; color: var(--bad); font-weight: 650; }
#stale { border: 2px solid var(--bad); font-weight: 600; }
[data-stale] main > :not(#stale) { filter: grayscale(1); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; margin: 0; }
#live:not(:empty)::before { content: "●"; margin-right: .35rem; color: var(--good); }
#live[data-state=paused]::before { content: "❚❚"; color: var(--soft); }
#live[data-state=away]::before { content: "▲"; color: var(--bad); }
button, input, select { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--soft); border-radius: .4rem; padding: .3rem .7rem; }
button { cursor: pointer; }
button[aria-pressed=true] { background: var(--bar-soft); }
main { padding-top: 1.25rem; padding-bottom: 2.5rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .6rem; }
h3 { font-size: 1rem; margin: 0 0 .5rem; }
.card h2 { margin-top: 0; }
p { margin: .35rem 0; }
.soft { color: var(--soft); }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
code, .mono { font-family: ui-monospace, "DejaVu Sans Mono", "Liberation Mono", monospace; font-size: .92em; unicode-bidi: isolate; overflow-wrap: anywhere; }
h1 .mono, h2 .mono { font-size: inherit; }
th code, th .moment { white-space: nowrap; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem; margin: 1rem 0; padding: 0; list-style: none; }
.cards > * { min-width: 0; }
.cards.wide { grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; }
.card .figure { display: block; font-size: 1.5rem; line-height: 1.25; font-weight: 650; font-variant-numeric: tabular-nums; }
.bad-card { border: 2px solid var(--bad); }
a.bad { color: var(--bad); }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .6rem .9rem 0; color: var(--soft); }
th, td { text-align: left; padding: .42rem .9rem; vertical-align: top; border-top: 1px solid var(--line); font-weight: 400; }
thead th { border-top: 0; color: var(--soft); font-size: .87rem; white-space: nowrap; }
tbody th { font-weight: 500; }
.number { text-align: right; white-space: nowrap; }
tbody tr:hover { background: var(--ground); }
ul.plain { list-style: none; margin: 0; padding: 0; }
ul.plain li + li { margin-top: .3rem; }
form { display: flex; flex-wrap: wrap; gap: .6rem 1rem; align-items: end; margin: 1rem 0; }
form label { display: flex; flex-direction: column; gap: .2rem; color: var(--soft); }
form label.tick { flex-direction: row; align-items: center; padding-bottom: .35rem; }
form input[type=search] { width: min(26rem, 80vw); padding: .45rem .7rem; }
.pages { display: flex; gap: 1rem; align-items: center; margin: .9rem 0; }
.picture { display: grid; grid-template-columns: minmax(10rem, .7fr) minmax(11rem, .9fr) minmax(24rem, 2.6fr); gap: 0; }
.picture > div { padding: .9rem 1rem; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; min-width: 0; }
.picture > div + div { margin-left: 1.9rem; position: relative; }
.picture > div + div::before { content: "→"; position: absolute; left: -1.6rem; top: 1.1rem; font-size: 1.4rem; line-height: 1; color: var(--accent); }
@media (max-width: 66rem) {
  .picture { grid-template-columns: minmax(0, 1fr); }
  .picture > div + div { margin: 1.9rem 0 0; }
  .picture > div + div::before { content: "↓"; left: 1rem; top: -1.75rem; }
}
.picture .scroll { border: 0; border-radius: 0; }
.picture th, .picture td { padding: .35rem .9rem .35rem 0; }
.verdict { display: inline-block; border: 1px solid currentColor; border-radius: 1rem; padding: 0 .55rem; font-size: .87rem; }
svg.bar { display: block; width: 100%; min-width: 6rem; height: .8rem; background: var(--ground); border-radius: .2rem; }
svg.share { width: 4rem; min-width: 4rem; }
td.why { min-width: 10rem; }
svg.bar rect, svg.bar path, svg.chart rect { fill: var(--bar); }
svg.bar .plugin { fill: var(--f3); } svg.bar .kernel { fill: var(--f1); }
svg.bar.swatch { display: inline-block; width: .9rem; min-width: .9rem; vertical-align: -.1rem; margin: 0 .25rem 0 .6rem; }
svg.bar .waits { fill: var(--soft); } svg.bar .failed, svg.chart .failed { fill: var(--bad); }
svg.chart { display: block; width: 100%; height: 5rem; }
td.bar { width: 45%; min-width: 14rem; }
.d1 { padding-left: 1.8rem; } .d2 { padding-left: 2.7rem; } .d3 { padding-left: 3.6rem; }
.d4 { padding-left: 4.5rem; } .d5 { padding-left: 5.4rem; } .d6 { padding-left: 6.3rem; }
details { margin: .5rem 0; }
summary { cursor: pointer; color: var(--link); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; margin: .6rem 0; }
dt { color: var(--soft); } dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
.notes { background: var(--mark); border-left: 4px solid var(--warn); border-radius: .3rem; padding: .6rem 1rem; margin: .8rem 0; overflow-wrap: anywhere; }
.notes.bad-notes { border-left-color: var(--bad); }
svg.flame { display: block; width: 100%; min-width: 50rem; height: auto; background: var(--card); }
svg.flame text { font: 11px ui-monospace, "DejaVu Sans Mono", monospace; fill: var(--flame-text); }
svg.flame rect, svg.flame path { stroke: var(--card); stroke-width: .5; }
.f0 { fill: var(--f0); } .f1 { fill: var(--f1); } .f2 { fill: var(--f2); } .f3 { fill: var(--f3); } .f4 { fill: var(--f4); }
pre { margin: .5rem 0; white-space: pre-wrap; overflow-wrap: anywhere; }
footer { color: var(--soft); padding-bottom: 2rem; font-size: .9rem; }
@media (prefers-contrast: more) { :root { --soft: var(--ink); --line: var(--ink); } }
@media (forced-colors: active) {
  nav a[aria-current] { text-decoration: underline; text-decoration-thickness: 3px; }
  svg.bar, svg.chart { background: Canvas; outline: 1px solid CanvasText; }
  svg.bar rect, svg.bar path, svg.chart rect { fill: CanvasText; }
  svg.bar .plugin { fill: Highlight; } svg.bar .kernel { fill: LinkText; } svg.bar .waits { fill: GrayText; }
  svg.chart .failed, svg.bar .failed { fill: Mark; stroke: CanvasText; }
}
@media print {
  :root {
    --ground: #fff; --card: #fff; --ink: #000; --soft: #333; --line: #999; --link: #000; --accent: #000;
    --good: #14532d; --bad: #8c1d18; --warn: #5c3d00; --mark: #fff; color-scheme: light;
  }
  body { font-size: 10pt; }
  nav, button, form, .skip, #live { display: none; }
  .scroll { overflow: visible; border: 0; }
  svg.flame { min-width: 0; }
  tr, .card { break-inside: avoid; }
  * { print-color-adjust: exact; }
}
`;
