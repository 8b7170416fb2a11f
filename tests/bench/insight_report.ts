/**
 * What looking inside was found to cost, for people.
 *
 * @module
 */
import { formatTable } from "../../host/cli/style.ts";
import { type InsightMeasurement, type InsightSide, QUESTIONS } from "./insight.ts";
import type { Target } from "./report.ts";
import { quantile } from "./statistics.ts";

/** Milliseconds within which every explanation is to be there. */
const EXPLAINED_MS = 100;

function ms(samples: readonly number[]): string {
  if (samples.length === 0) return "–";
  return [0.5, 0.99, 1].map((q) => quantile(samples, q).toFixed(1)).join(" / ");
}

function average(samples: readonly number[]): string {
  return samples.length === 0 ? "–" : quantile(samples, 0.5).toFixed(1);
}

function megabytes(samples: readonly number[]): string {
  return samples.length === 0 ? "–" : (quantile(samples, 0.5) / 1e6).toFixed(1);
}

const ROWS: readonly (readonly [string, (side: InsightSide) => string])[] = [
  ["first question, p50 / p99 / most (ms)", ({ first }) => ms(first)],
  ["a Service by name", ({ service }) => ms(service)],
  ["an address and port", ({ address }) => ms(address)],
  ["a connection", ({ connection }) => ms(connection)],
  ["CPU time of a question, average (ms)", ({ questionCpu }) => average(questionCpu)],
  ["a scrape", ({ scrapes }) => ms(scrapes)],
  ["CPU time of a scrape, average (ms)", ({ scrapeCpu }) => average(scrapeCpu)],
  ["one change, nobody scrapes", ({ quietChanges }) => ms(quietChanges)],
  ["one change during a scrape", ({ scrapedChanges }) => ms(scrapedChanges)],
  ["1,000 ports with 100 endpoints each", ({ large }) => ms(large)],
  ["one change, nobody asks for these", ({ unaskedChanges }) => ms(unaskedChanges)],
  ["one change while they are explained", ({ askedChanges }) => ms(askedChanges)],
  ["one change while they are explained to four", ({ besiegedChanges }) => ms(besiegedChanges)],
  ["PSS settled (MB)", ({ settled }) => megabytes(settled)],
  ["PSS after all of it (MB)", ({ after }) => megabytes(after)],
  ["peak RSS of the host in scrapes (MB)", ({ peak }) => megabytes(peak)],
];

/**
 * The table.
 *
 * @param measured The samples.
 * @returns Lines.
 */
export function insightTable(measured: InsightMeasurement): string {
  const sides = (["plain", "counted"] as const).flatMap((mode) =>
    Object.entries(measured).map(([name, modes]) => [`${name}, ${mode}`, modes[mode]] as const)
  );
  const rows = [
    ["looking inside", ...sides.map(([title]) => title)],
    ...ROWS.map(([title, cell]) => [title, ...sides.map(([, side]) => cell(side))]),
  ];
  return formatTable(rows, { indent: 2, right: sides.map((_, index) => index + 1) });
}

/**
 * Compares the checkout that is measured with the targets.
 *
 * @param measured The samples; the first name is that of the checkout.
 * @returns Each target, met or not.
 */
export function insightTargets(measured: InsightMeasurement): Target[] {
  const [own] = Object.values(measured);
  if (own === undefined) return [];
  return (["plain", "counted"] as const).flatMap((mode) =>
    (["first", ...QUESTIONS] as const).map((kind): Target => {
      const found = quantile(own[mode][kind], 0.99);
      return {
        name: `explain, ${kind}, ${mode}, p99`,
        wanted: `< ${EXPLAINED_MS} ms`,
        found: found.toFixed(1),
        met: found < EXPLAINED_MS,
      };
    })
  );
}
