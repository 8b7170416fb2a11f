/**
 * The flag table as Markdown, for the README.
 *
 * @module
 */
import { type Flag, FLAG_SECTIONS } from "./flag.ts";
import { flagDefault } from "./flags.ts";

/** The comments between which the README holds the table. */
export const DOCS_MARKERS = { begin: "<!-- flags: begin -->", end: "<!-- flags: end -->" } as const;

function setting(flag: Flag): string {
  switch (flag.target.kind) {
    case "field":
      return `\`${flag.target.path}\``;
    case "weir":
      return `\`${flag.target.path}\` of WeirConfiguration`;
    case "option":
      return "(command line only)";
    case "action":
      return "–";
  }
}

function row(flag: Flag): string {
  const fallback = flagDefault(flag);
  // Unlike the help, the page shows that a flag is off.
  const value = flag.type === "bool" && fallback === "" ? "false" : fallback;
  const name = `${flag.short === undefined ? "" : `\`-${flag.short}\`, `}\`--${flag.name}\``;
  const type = flag.placeholder === "" ? flag.type : `${flag.type} (${flag.placeholder})`;
  const deprecated = flag.deprecated === undefined ? "" : ` Deprecated: ${flag.deprecated}.`;
  const cells = [
    name,
    type,
    value === "" ? "" : `\`${value}\``,
    setting(flag),
    flag.since,
    flag.help + deprecated,
  ];
  return `| ${
    cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("<", "\\<")).join(" | ")
  } |`;
}

/**
 * Renders the flag table.
 *
 * @param flags The table.
 * @returns Markdown: a heading and a table for each section, ending in a line feed.
 */
export function flagsMarkdown(flags: readonly Flag[]): string {
  const lines: string[] = [];
  for (const section of FLAG_SECTIONS) {
    const rows = flags.filter((flag) => flag.section === section);
    if (rows.length === 0) continue;
    lines.push(
      `### ${section}`,
      "",
      "| flag | type | default | field of KubeProxyConfiguration | since | meaning |",
      "| --- | --- | --- | --- | --- | --- |",
      ...rows.map(row),
      "",
    );
  }
  return `${lines.join("\n")}`;
}

/**
 * Cuts out what stands between the markers.
 *
 * @param page A Markdown page with {@linkcode DOCS_MARKERS}.
 * @returns The text between them without surrounding blank lines, or undefined when the page has
 * no such section.
 */
export function flagsSection(page: string): string | undefined {
  const begin = page.indexOf(DOCS_MARKERS.begin);
  const end = page.indexOf(DOCS_MARKERS.end);
  return begin < 0 || end < begin
    ? undefined
    : page.slice(begin + DOCS_MARKERS.begin.length, end).trim();
}
