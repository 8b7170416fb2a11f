/**
 * What became of tests: read from Deno's JUnit report, counted, and told.
 *
 * @module
 */

/** One test, or one file that should have had some, and what became of it. */
export interface Outcome {
  readonly file: string;
  readonly test: string;
  readonly result: "passed" | "failed" | "skipped";
  /** Why it was skipped or failed, in a few words; "" if it passed. */
  readonly reason: string;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
  "&amp;": "&",
};

function decode(text: string): string {
  return text.replace(
    /&(?:lt|gt|quot|apos|amp);|&#(\d+);/g,
    (entity, digits?: string) =>
      digits === undefined ? ENTITIES[entity] ?? entity : String.fromCodePoint(Number(digits)),
  );
}

function attribute(attributes: string, name: string): string {
  const found = new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes);
  return decode(found?.[1] ?? "");
}

/**
 * `<error>` is a test that was cancelled, because another threw when nobody awaited it; whatever
 * else may be in a test's body is not known to mean that it passed.
 */
function resultOf(body: string): Pick<Outcome, "result" | "reason"> {
  if (body === "") return { result: "passed", reason: "" };
  if (/^<skipped\b/.test(body)) return { result: "skipped", reason: "the test says ignore" };
  const message = /^<(?:failure|error)\s[^>]*?message="([^"]*)"/.exec(body)?.[1] ?? body;
  return { result: "failed", reason: decode(message).split("\n", 1)[0] ?? "" };
}

/**
 * Reads the report that `deno test --junit-path` writes. A test that has steps is left out in
 * favour of its steps, unless it failed by itself.
 *
 * @param xml The report.
 * @returns The outcomes in the report's order; files without the leading `./`.
 */
export function readJunit(xml: string): Outcome[] {
  const outcomes: Outcome[] = [];
  const cases = /<testcase\s([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;
  for (const [, attributes = "", body = ""] of xml.matchAll(cases)) {
    outcomes.push({
      file: attribute(attributes, "classname").replace(/^\.\//, ""),
      test: attribute(attributes, "name"),
      ...resultOf(body.trim()),
    });
  }
  return outcomes.filter((outcome) =>
    (outcome.result === "failed" && !/^\d+ test steps? failed/.test(outcome.reason)) ||
    !outcomes.some((other) =>
      other.file === outcome.file && other.test.startsWith(`${outcome.test} > `)
    )
  );
}

/**
 * Sees to it that nothing is lost: a file that was to run and has no result failed (it threw
 * while loading, or was killed), and so did a run that ended badly without naming a test.
 *
 * @param group The group's name.
 * @param files The files that were to run.
 * @param outcomes What the report holds.
 * @param exit How the run ended: its exit code, or why it was killed.
 * @returns The outcomes and whatever was missing among them.
 */
export function completeOutcomes(
  group: string,
  files: readonly string[],
  outcomes: readonly Outcome[],
  exit: number | string,
): Outcome[] {
  const reason = typeof exit === "string" ? exit : `no result; deno test exited with ${exit}`;
  const reported = new Set(outcomes.map((outcome) => outcome.file));
  const lost = files.filter((file) => !reported.has(file)).map((file): Outcome => ({
    file,
    test: "(whole file)",
    result: "failed",
    reason,
  }));
  const all = [...outcomes, ...lost];
  if (exit === 0 || all.some((outcome) => outcome.result === "failed")) return all;
  return [...all, { file: group, test: "(whole group)", result: "failed", reason }];
}

/** How many of each. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Counts outcomes.
 *
 * @param outcomes What became of the tests.
 * @returns How many of each.
 */
export function countOutcomes(outcomes: readonly Outcome[]): Totals {
  const count = (result: Outcome["result"]) =>
    outcomes.filter((outcome) => outcome.result === result).length;
  return { passed: count("passed"), failed: count("failed"), skipped: count("skipped") };
}

/**
 * The end of the run: every failed and skipped test by name, then the totals as the last line.
 *
 * @param outcomes What became of the tests.
 * @returns Lines, without line ends.
 */
export function summarise(outcomes: readonly Outcome[]): string[] {
  const lines: string[] = [];
  for (const [result, title] of [["skipped", "Skipped:"], ["failed", "Failed:"]] as const) {
    const named = outcomes.filter((outcome) => outcome.result === result);
    if (named.length === 0) continue;
    lines.push(title);
    for (const { file, test, reason } of named) lines.push(`  ${file}: ${test} (${reason})`);
    lines.push("");
  }
  const { passed, failed, skipped } = countOutcomes(outcomes);
  return [...lines, `${passed} passed, ${failed} failed, ${skipped} skipped`];
}

/**
 * The exit code of the run.
 *
 * @param totals The counts.
 * @param strict True in CI: there a test that could not run is a failure.
 * @returns 0, or 1 when something failed or nothing passed.
 */
export function exitCode(totals: Totals, strict: boolean): 0 | 1 {
  return totals.failed > 0 || totals.passed === 0 || (strict && totals.skipped > 0) ? 1 : 0;
}
