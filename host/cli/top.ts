/**
 * `weir top`: Services by connections and rate.
 *
 * @module
 */
import { WeirError } from "../../schemas/errors.ts";
import { type TopServices, TopServicesSchema } from "../../schemas/insight.ts";
import { rendered } from "./answer.ts";
import { ask } from "./ask.ts";
import type { Fetch } from "./json_page.ts";
import { type CliIo, EXIT_CODES } from "./cli.ts";
import type { CommandLine } from "./command.ts";
import { printableWhole } from "../printable.ts";
import { createStyle, formatTable, type Style, wantsColour } from "./style.ts";

/** What a table is sorted by. */
export type TopOrder = "connections" | "rate";

/** One line of the table; rates are per second, undefined before there are two answers. */
export interface TopRow {
  readonly service: string;
  readonly tracked: number;
  readonly connections: number | undefined;
  readonly rate: number | undefined;
  readonly packetRate: number | undefined;
  readonly byteRate: number | undefined;
}

/** Milliseconds between two answers. */
const PERIOD_MS = 2_000;
/** Clears a terminal and goes to its first place (ECMA-48 ED and CUP). */
const CLEAR = "\x1b[H\x1b[2J\x1b[3J";

function rate(now: number | undefined, before: number | undefined, seconds: number) {
  if (now === undefined || before === undefined || seconds <= 0) return undefined;
  // A count that fell has begun anew.
  return (now < before ? now : now - before) / seconds;
}

/**
 * Makes the table.
 *
 * @param now The answer.
 * @param before The one before it; undefined for none.
 * @param order What it is sorted by.
 * @returns All Services that get anything, best first.
 */
export function topRows(
  now: TopServices,
  before: TopServices | undefined,
  order: TopOrder,
): readonly TopRow[] {
  const seconds = before === undefined ? 0 : (now.at - before.at) / 1000;
  const former = new Map(before?.services.map((row) => [`${row.namespace}/${row.name}`, row]));
  const rows = now.services.map(({ namespace, name, tracked, connections, packets, bytes }) => {
    const service = `${namespace}/${name}`;
    const had = former.get(service);
    // Who was not there before had nothing.
    const since = (field: "connections" | "packets" | "bytes") =>
      before?.counted === true ? had?.[field] ?? 0 : undefined;
    return {
      service,
      tracked,
      connections,
      rate: rate(connections, since("connections"), seconds),
      packetRate: rate(packets, since("packets"), seconds),
      byteRate: rate(bytes, since("bytes"), seconds),
    };
  });
  const weight = (row: TopRow) => order === "rate" ? row.rate ?? 0 : row.tracked;
  return rows.sort((one, other) =>
    weight(other) - weight(one) || other.tracked - one.tracked ||
    (other.connections ?? 0) - (one.connections ?? 0) || (one.service < other.service ? -1 : 1)
  );
}

/** `1.2k`, as wide as a column can be. */
function short(value: number | undefined): string {
  if (value === undefined) return "-";
  for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e3]] as const) {
    if (value >= size) return `${(value / size).toFixed(1)}${unit}`;
  }
  return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : String(Math.round(value));
}

function text(
  answer: TopServices,
  rows: readonly TopRow[],
  count: number,
  style: Style,
): string {
  const { counted, trackedMissing } = answer;
  const head = counted
    ? ["SERVICE", "TRACKED", "TOTAL", "CONN/S", "PACKETS/S", "BYTES/S"]
    : ["SERVICE", "TRACKED"];
  const table = rows.slice(0, count).map(({ service, tracked, ...row }) => [
    service,
    short(tracked),
    ...(counted ? [row.connections, row.rate, row.packetRate, row.byteRate].map(short) : []),
  ]);
  const more = rows.length - table.length;
  return formatTable([head.map((word) => style.dim(word)), ...table], { right: [1, 2, 3, 4, 5] }) +
    (rows.length === 0 ? `${style.dim("no Service has a connection")}\n` : "") +
    (more > 0 ? `${style.dim(`and ${more} more; -n shows more`)}\n` : "") +
    (trackedMissing === undefined ? "" : `${style.yellow(`tracked: ${trackedMissing}`)}\n`) +
    (counted
      ? ""
      : `${
        style.dim("rates need the proxier's counters: run weir with --per-service-metrics=N")
      }\n`);
}

/** What the command stands on besides. */
export interface TopEffects {
  readonly fetch: Fetch;
  /** Waits so many milliseconds. */
  readonly wait: (milliseconds: number) => Promise<void>;
}

/**
 * Shows who gets most: once, or again and again on a terminal until it is stopped.
 *
 * @param line The command line.
 * @param io The effects.
 * @param effects More of them.
 * @returns The exit code.
 * @throws {WeirError} WEIR_UNREACHABLE when no weir answers; WEIR_CONFIG_INVALID when
 * rates are asked for that nobody counts.
 */
export async function topCommand(
  line: CommandLine,
  io: CliIo,
  { fetch, wait }: TopEffects,
): Promise<number> {
  const order = line.value("sort") === "rate" ? "rate" : "connections";
  const count = Number(line.value("number"));
  const style = createStyle(wantsColour(io.terminal.stdout, io.env));
  const once = line.has("once") || !io.terminal.stdout || line.value("output") !== "text";
  const look = () =>
    ask(TopServicesSchema, "/debug/top", {}, { server: line.value("server") ?? "", fetch });
  let before: TopServices | undefined;
  let now = await look();
  if (order === "rate" && !now.counted) {
    throw new WeirError(
      "WEIR_CONFIG_INVALID",
      'Cannot use --sort "rate": the proxier does not count; run weir with --per-service-metrics=N',
    );
  }
  if (once && now.counted) {
    await wait(PERIOD_MS / 2);
    [before, now] = [now, await look()];
  }
  for (;;) {
    const rows = topRows(now, before, order);
    const told = { counted: now.counted, services: rows.slice(0, count) };
    const page = rendered(line, told, () => text(now, printableWhole(rows), count, style));
    io.stdout(once ? page : CLEAR + page);
    if (once) return EXIT_CODES.done;
    await wait(PERIOD_MS);
    [before, now] = [now, await look()];
  }
}
