/**
 * What `weir cleanup` tells people.
 *
 * @module
 */
import { describeLeftover, type Owner } from "../capabilities/leftovers/leftover.ts";
import type { CleanupOutcome, Fate } from "../cleanup.ts";
import { formatTable, type Style } from "./style.ts";

const OWNERS: readonly Owner[] = ["kube-proxy", "weir"];

function wordsOf(fate: Fate, style: Style): string {
  switch (fate.type) {
    case "removed":
      return style.green("removed");
    case "listed":
      return style.yellow("would remove");
    case "spared":
      return `${style.yellow("left")}: ${fate.reason}`;
    case "remains":
    case "returned":
      return `${style.red("remains")}: ${fate.reason}`;
  }
}

/** `4 leftovers of kube-proxy and 1 of weir`; undefined for none. */
function tally(
  outcomes: readonly CleanupOutcome[],
  ...types: readonly Fate["type"][]
): string | undefined {
  const counts = OWNERS.flatMap((owner) => {
    const count = outcomes.filter(({ leftover, fate }) =>
      leftover.owner === owner && types.includes(fate.type)
    ).length;
    return count === 0 ? [] : [{ owner, count }];
  });
  if (counts.length === 0) return undefined;
  return counts.map(({ owner, count }, index) => {
    const noun = index > 0 ? "" : count === 1 ? "leftover " : "leftovers ";
    return `${count} ${noun}of ${owner}`;
  }).join(" and ");
}

/**
 * Renders a clean-up.
 *
 * @param outcomes What was found and what became of it.
 * @param style Colours, or none.
 * @returns `text`: a line for each leftover and a summary, ending in a line feed. `clean`: false
 * when something is still there that was to go.
 */
export function cleanupReport(
  outcomes: readonly CleanupOutcome[],
  style: Style,
): { readonly text: string; readonly clean: boolean } {
  if (outcomes.length === 0) {
    return { text: "Nothing of kube-proxy or weir is on this node.\n", clean: true };
  }
  const rows = outcomes.map(({ leftover, fate }) => [
    leftover.owner,
    leftover.place,
    describeLeftover(leftover),
    wordsOf(fate, style),
  ]);
  const removed = tally(outcomes, "removed");
  const listed = tally(outcomes, "listed");
  const remaining = tally(outcomes, "remains", "returned");
  const sentences = [
    removed === undefined ? [] : [`Removed ${removed}.`],
    listed === undefined ? [] : [`Would remove ${listed}; nothing was changed.`],
    remaining === undefined ? [] : [style.red(`Could not remove ${remaining}.`)],
  ].flat();
  return {
    text: `${formatTable(rows)}\n${sentences.join("\n")}\n`,
    clean: remaining === undefined,
  };
}
