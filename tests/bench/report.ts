/**
 * What the bench found, for people and for programs.
 *
 * @module
 */
import { formatTable } from "../../host/cli/style.ts";
import type { Reconciliation } from "./conntrack.ts";
import type { Measurement } from "./measure.ts";
import { quantile } from "./statistics.ts";

/** A target and whether it was met. */
export interface Target {
  readonly name: string;
  readonly wanted: string;
  readonly found: string;
  readonly met: boolean;
}

const MEGABYTE = 1_000_000;

function ms(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

function isMixed(one: Measurement): boolean {
  return one.endpoints === 0;
}

function nameOf(one: Measurement): string {
  return isMixed(one) ? `${one.services} mixed` : `${one.services} × ${one.endpoints}`;
}

/**
 * The table.
 *
 * @param measurements One for each size.
 * @returns Lines.
 */
export function table(measurements: readonly Measurement[]): string {
  const head = [
    "Services × endpoints",
    "upstream's lay-out, nft (s)",
    "weir, full load (s)",
    "times faster",
    "from process start (s)",
    "one more or less p50 / p99 (ms)",
    "one replaced p50 / p99 (ms)",
    "PSS peak / settled (MB)",
    "of it the host (MB)",
  ];
  const columns = measurements.map((one) => [
    nameOf(one),
    isMixed(one) ? "–" : (quantile(one.upstream, 0.5) / 1000).toFixed(2),
    (quantile(one.load, 0.5) / 1000).toFixed(3),
    isMixed(one) ? "–" : (quantile(one.upstream, 0.5) / quantile(one.load, 0.5)).toFixed(1),
    (quantile(one.start, 0.5) / 1000).toFixed(2),
    `${ms(quantile(one.changes, 0.5))} / ${ms(quantile(one.changes, 0.99))}`,
    `${ms(quantile(one.replacements, 0.5))} / ${ms(quantile(one.replacements, 0.99))}`,
    `${(one.memory.peak / MEGABYTE).toFixed(0)} / ${(one.memory.settled / MEGABYTE).toFixed(0)}`,
    (one.memory.host / MEGABYTE).toFixed(0),
  ]);
  const rows = head.map((title, row) => [title, ...columns.map((column) => column[row] ?? "")]);
  return formatTable(rows, { indent: 2, right: columns.map((_, index) => index + 1) });
}

/**
 * Compares with the targets of the largest and the smallest size.
 *
 * @param measurements From the smallest size to the largest.
 * @returns Each target, met or not.
 */
export function targets(measurements: readonly Measurement[]): Target[] {
  const plain = measurements.filter((one) => !isMixed(one));
  const small = plain[0];
  const large = plain.at(-1);
  if (small === undefined || large === undefined) return [];
  const faster = quantile(large.upstream, 0.5) / quantile(large.load, 0.5);
  const p50 = quantile(large.changes, 0.5);
  const p99 = quantile(large.changes, 0.99);
  const flat = p50 / quantile(small.changes, 0.5);
  const megabytes = (bytes: number) => bytes / MEGABYTE;
  const at = nameOf;
  return [
    {
      name: `full load at ${at(large)}`,
      wanted: "≥ 12 times upstream's",
      found: faster.toFixed(1),
      met: faster >= 12,
    },
    { name: `one change at ${at(large)}, p50`, wanted: "≤ 5 ms", found: ms(p50), met: p50 <= 5 },
    { name: `one change at ${at(large)}, p99`, wanted: "≤ 20 ms", found: ms(p99), met: p99 <= 20 },
    {
      name: `one change, p50 at ${at(large)} / ${at(small)}`,
      wanted: "0.7–1.3",
      found: flat.toFixed(2),
      met: flat >= 0.7 && flat <= 1.3,
    },
    {
      name: `settled memory at ${at(large)}`,
      wanted: "≤ 200 MB",
      found: megabytes(large.memory.settled).toFixed(0),
      met: megabytes(large.memory.settled) <= 200,
    },
    {
      name: `settled memory at ${at(small)}`,
      wanted: "≤ 100 MB",
      found: megabytes(small.memory.settled).toFixed(0),
      met: megabytes(small.memory.settled) <= 100,
    },
    ...measurements.filter(isMixed).flatMap((mixed) =>
      mixedTargets(mixed, plain.find((one) => one.services === mixed.services))
    ),
  ];
}

/** What the mixture may cost more than as many plain Services, measured in the same run. */
function mixedTargets(mixed: Measurement, plain: Measurement | undefined): Target[] {
  if (plain === undefined) return [];
  return (["load", "changes", "replacements"] as const).map((what) => {
    const ratio = quantile(mixed[what], 0.5) / quantile(plain[what], 0.5);
    return {
      name: `${what}, p50 at ${nameOf(mixed)} / ${nameOf(plain)}`,
      wanted: "≤ 1.5",
      found: ratio.toFixed(2),
      met: ratio <= 1.5,
    };
  });
}

/**
 * Compares reconciliations of conntrack with their target.
 *
 * @param rounds Some, of equal tables.
 * @returns The target, met or not, with how long a whole reconciliation took in its name.
 */
export function flowTargets(rounds: readonly Reconciliation[]): Target[] {
  const [first] = rounds;
  if (first === undefined) return [];
  const stretch = quantile(rounds.map(({ longestStretch }) => longestStretch), 0.5);
  const took = quantile(rounds.map(({ milliseconds }) => milliseconds), 0.5);
  return [{
    name: `longest stretch while ${first.flows} flows are reconciled in ${ms(took)} ms, p50`,
    wanted: "≤ 20 ms",
    found: ms(stretch),
    met: stretch <= 20,
  }];
}
