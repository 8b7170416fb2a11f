/**
 * Profiles in pprof's own format (profile.proto of github.com/google/pprof), gzipped as
 * `go tool pprof` reads it.
 *
 * @module
 */
import type { Frame, StackSample } from "./stack.ts";

/** What a number of a profile is. */
export interface ValueType {
  /** For example `cpu`. */
  readonly type: string;
  /** For example `nanoseconds`. */
  readonly unit: string;
}

/** A profile in weir's own words. */
export interface Profile {
  /** What the values of each sample are, in their order; the last one is what tools show first. */
  readonly types: readonly ValueType[];
  readonly samples: readonly StackSample[];
  /** What lies between two samples, and how much of it. */
  readonly period: ValueType & { readonly value: number };
  /** What was profiled: stands where others have the program's file. */
  readonly program: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Milliseconds. */
  readonly duration: number;
  /** For people: `go tool pprof -comments` shows them. */
  readonly comments: readonly string[];
}

/** One sample for each stack, in the order of their first appearance; none with nothing in it. */
function merged(samples: readonly StackSample[]): StackSample[] {
  const byStack = new Map<string, { stack: readonly Frame[]; values: number[] }>();
  for (const { stack, values } of samples) {
    const key = stack.map(keyOf).join("\n");
    const known = byStack.get(key);
    if (known === undefined) byStack.set(key, { stack, values: [...values] });
    else values.forEach((value, at) => known.values[at] = (known.values[at] ?? 0) + value);
  }
  return [...byStack.values()].filter(({ values }) => values.some((value) => value !== 0));
}

function keyOf({ name, file, line }: Frame): string {
  return `${name}\t${file}\t${line}`;
}

/**
 * Encodes a profile.
 *
 * @param profile The profile.
 * @returns gzip of profile.proto.
 */
export async function encodePprof(profile: Profile): Promise<Uint8Array<ArrayBuffer>> {
  // Needed by whoever asks for a profile, and by nobody else.
  const { Profile: Encoder, StringTable } = await import("pprof-format");
  const stringTable = new StringTable();
  const text = (value: string) => stringTable.dedup(value);
  const valueType = ({ type, unit }: ValueType) => ({ type: text(type), unit: text(unit) });
  const ids = new Map<string, number>();
  const functions: { id: number; name: number; systemName: number; filename: number }[] = [];
  const locations: {
    id: number;
    mappingId: number;
    line: { functionId: number; line: number }[];
  }[] = [];
  const locationOf = (frame: Frame): number => {
    const key = keyOf(frame);
    const known = ids.get(key);
    if (known !== undefined) return known;
    const id = ids.size + 1;
    ids.set(key, id);
    const name = text(frame.name);
    functions.push({ id, name, systemName: name, filename: text(frame.file) });
    locations.push({ id, mappingId: 1, line: [{ functionId: id, line: frame.line }] });
    return id;
  };
  const sample = merged(profile.samples).map(({ stack, values }) => ({
    locationId: stack.map(locationOf),
    value: [...values],
  }));
  const encoder = new Encoder({
    sampleType: profile.types.map(valueType),
    sample,
    // All is named here: without a mapping that says so, pprof would ask /debug/pprof/symbol.
    mapping: [{
      id: 1,
      filename: text(profile.program),
      hasFunctions: true,
      hasFilenames: true,
      hasLineNumbers: true,
    }],
    location: locations,
    function: functions,
    timeNanos: BigInt(Math.round(profile.startedAt)) * 1_000_000n,
    durationNanos: BigInt(Math.round(profile.duration)) * 1_000_000n,
    periodType: valueType(profile.period),
    period: profile.period.value,
    comment: profile.comments.map(text),
    defaultSampleType: text(profile.types.at(-1)?.type ?? ""),
    stringTable,
  });
  const bytes = new Uint8Array(encoder.encode());
  const zipped = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(zipped).arrayBuffer());
}

/**
 * A profile for people, in the manner of Go's `?debug=1`.
 *
 * @param name What it is, for example `goroutine`.
 * @param profile The profile.
 * @returns Text; the stacks with the most of the last type first.
 */
export function formatProfile(name: string, profile: Profile): string {
  const last = profile.types.length - 1;
  const samples = merged(profile.samples).sort((a, b) =>
    (b.values[last] ?? 0) - (a.values[last] ?? 0)
  );
  const total = profile.types.map(({ type, unit }, at) =>
    `${samples.reduce((sum, { values }) => sum + (values[at] ?? 0), 0)} ${type}/${unit}`
  );
  const lines = [`${name} profile: total ${total.join(", ")}`];
  for (const comment of profile.comments) lines.push(`# ${comment}`);
  for (const { stack, values } of samples) {
    lines.push("", `${values.join(" ")} @`);
    for (const { name, file, line } of stack) {
      const where = line === 0 ? file : `${file}:${line}`;
      lines.push(`#\t${name}${file === "" ? "" : `\t${where}`}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
