/**
 * Writes what is made from the metric table: `deno task generate`.
 *
 * @module
 */
import { ALERTS, rulesFile } from "./alert.ts";
import { dashboard } from "./dashboard.ts";
import { withTable } from "./metrics_page.ts";

const ROOT = new URL("../../", import.meta.url);

/** The page that holds the table. */
export const PAGE = new URL("host/telemetry/README.md", ROOT);
/** The alert rules. */
export const RULES = new URL("examples/monitoring/rules.yaml", ROOT);
/** The dashboard. */
export const DASHBOARD = new URL("examples/monitoring/dashboard.json", ROOT);

/**
 * Makes everything.
 *
 * @param page The page as it is.
 * @returns The text of each file; how Markdown's tables are laid out is left to deno fmt.
 */
export function generated(page: string): ReadonlyMap<URL, string> {
  return new Map([
    [PAGE, withTable(page)],
    [RULES, rulesFile(ALERTS)],
    [DASHBOARD, `${JSON.stringify(dashboard(), null, 2)}\n`],
  ]);
}

if (import.meta.main) {
  for (const [url, text] of generated(await Deno.readTextFile(PAGE))) {
    await Deno.writeTextFile(url, text);
  }
}
