/**
 * axe-core's rules of accessibility.
 *
 * @module
 */
import axe from "axe-core";
import type { Page } from "playwright-core";

/**
 * Holds a page against them.
 *
 * @param page Any.
 * @returns What is not as it should be, one line each.
 */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found: { id: string; nodes: { html: string; failureSummary?: string }[] }[] = await page
    .evaluate("axe.run().then(({ violations }) => violations)");
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary = "" }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`)
  );
}
