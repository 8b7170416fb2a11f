/**
 * The frame of every view: head, navigation, and what is live.
 *
 * @module
 */
import { raw } from "hono/html";
import type { Child } from "hono/jsx";
import type { PageFacts } from "./facts.ts";
import { SCRIPT } from "./script.ts";
import { STYLE } from "./style.ts";
import { moment, shown } from "./words.ts";

/** The views that the navigation leads to, in its order. */
const VIEWS = [
  { path: "/", name: "Overview" },
  { path: "/services", name: "Services" },
  { path: "/syncs", name: "Syncs" },
  { path: "/plugins", name: "Plugins" },
  { path: "/profile", name: "Profile" },
] as const;

/** The path of a view that the navigation leads to. */
export type ViewPath = (typeof VIEWS)[number]["path"];

/** A view within its frame. */
export interface DocumentProps {
  readonly facts: Pick<PageFacts, "node" | "version" | "health" | "startedAt">;
  /** Of this view, for the tab. */
  readonly title: string;
  /** Where in the navigation it is. */
  readonly at: ViewPath;
  /** Differs whenever the view would. */
  readonly seen: string;
  readonly children?: Child;
}

const ICON = "data:image/svg+xml," + encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#0b7285" ' +
    'stroke-width="2.4" stroke-linecap="round"><path d="M2 7c3 0 3 2 6 2s4-2 6-2 3 2 8 2M2 14c3 ' +
    '0 3 2 6 2s4-2 6-2 3 2 8 2M12 3v18"/></svg>',
);

function Mark() {
  return (
    <svg
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="2.2"
      stroke-linecap="round"
      aria-hidden="true"
    >
      <path d="M2 7c3 0 3 2 6 2s4-2 6-2 3 2 8 2M2 14c3 0 3 2 6 2s4-2 6-2 3 2 8 2M12 3v18" />
    </svg>
  );
}

/**
 * Frames a view.
 *
 * @param props The view.
 * @returns A whole document.
 */
export function Document({ facts, title, at, seen, children }: DocumentProps) {
  const node = shown(facts.node(), 260);
  const healthy = facts.health().code === 200;
  return (
    <>
      {raw("<!DOCTYPE html>")}
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <title>{`${title} · weir on ${node}`}</title>
          <link rel="icon" href={ICON} />
          <style>{raw(STYLE)}</style>
        </head>
        <body data-seen={seen}>
          <a class="skip" href="#main">Skip to the content</a>
          <header>
            <div>
              <a class="brand" href="/">
                <Mark />weir
              </a>
              <nav aria-label="Views">
                <ul>
                  {VIEWS.map(({ path, name }) => (
                    <li>
                      <a href={path} {...(path === at ? { "aria-current": "page" } : {})}>{name}</a>
                    </li>
                  ))}
                </ul>
              </nav>
              <div class="liveness">
                <div id="alarm" data-live="" role="status">
                  {healthy ? "" : <a class="alarm" href="/">✗ Unhealthy</a>}
                </div>
                <span id="live" role="status"></span>
              </div>
            </div>
          </header>
          <main id="main" tabindex={-1}>
            <p id="stale" class="notes" role="alert" hidden></p>
            {children}
          </main>
          <footer>
            <p>
              weir {facts.version} on node <code>{node}</code>, running since{" "}
              <span class="mono">{moment(facts.startedAt)}</span>. This page only reads; so do{" "}
              <a href="/metrics">/metrics</a>, <a href="/configz">/configz</a> and{" "}
              <a href="/statusz">/statusz</a>.
            </p>
          </footer>
          <script>{raw(SCRIPT)}</script>
        </body>
      </html>
    </>
  );
}

/** A part that is kept up to date while somebody looks. */
export interface LiveProps {
  /** Unique within the view. */
  readonly id: string;
  readonly children?: Child;
}

/**
 * Marks a part as one that is kept up to date.
 *
 * @param props The part.
 * @returns An element that holds it.
 */
export function LivePart({ id, children }: LiveProps) {
  return <div id={id} data-live="">{children}</div>;
}
