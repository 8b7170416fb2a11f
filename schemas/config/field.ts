/**
 * The kinds of field that configuration documents are made of. Each says what it found and what it
 * needs, and null means unset everywhere, as Go's decoder has it.
 *
 * @module
 */
import * as v from "valibot";
import { parseBindAddress } from "../bind_address.ts";
import { parseCidr, parseIp } from "../ip.ts";
import { parseDuration } from "./duration.ts";

/** The most of Go's int32. */
export const INT32_MOST = 2 ** 31 - 1;

/**
 * Says what stands where something else should.
 *
 * @param value Anything out of a YAML or JSON file.
 * @returns For example `the text "x"`, `the number 5` or `a list`.
 */
export function found(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  const text = String(value);
  const short = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  return typeof value === "string"
    ? `the text ${JSON.stringify(short)}`
    : `the ${typeof value} ${short}`;
}

function needs(what: string): (issue: { readonly input: unknown }) => string {
  return ({ input }) => `it is ${found(input)}, and it needs ${what}`;
}

/** Text. */
export const text = v.string(needs("text"));

/** true or false. */
export const boolean = v.boolean(needs("true or false"));

/**
 * A whole number.
 *
 * @param least The least that is allowed.
 * @param most The most that is allowed.
 * @returns The schema.
 */
export function integer(least: number, most: number) {
  const message = needs(`an integer from ${least} to ${most}`);
  return v.pipe(
    v.number(message),
    v.integer(message),
    v.minValue(least, message),
    v.maxValue(most, message),
  );
}

/**
 * Text that a function checks.
 *
 * @param fault Why a text cannot be used, or undefined when it can.
 * @returns The schema; the text stays as it is.
 */
export function checked(fault: (text: string) => string | undefined) {
  return v.pipe(
    text,
    v.rawCheck(({ dataset, addIssue }) => {
      const message = dataset.typed ? fault(dataset.value) : undefined;
      if (message !== undefined) addIssue({ message });
    }),
  );
}

/**
 * One of a few words.
 *
 * @param words The words.
 * @returns The schema.
 */
export function oneOf<const Word extends string>(words: readonly Word[]) {
  const names = words.map((word) => word === "" ? '""' : word).join(", ");
  return v.picklist(words, ({ input }) => `it is ${found(input)}, and it needs one of ${names}`);
}

function durationFrom(least: bigint | undefined) {
  return (text: string): bigint | string => {
    const nanoseconds = parseDuration(text);
    if (typeof nanoseconds === "string" || least === undefined || nanoseconds >= least) {
      return nanoseconds;
    }
    return least > 0n ? "it is not longer than 0s" : "it is shorter than 0s";
  };
}

/**
 * A duration, as nanoseconds.
 *
 * @param least 1n where upstream wants more than 0, 0n where it wants no less.
 * @returns The schema: from text such as `1h0m0s`.
 */
export function duration(least: 0n | 1n) {
  const parse = durationFrom(least);
  return v.pipe(
    v.string(needs('a duration in quotes or with its unit, such as "30s"')),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const nanoseconds = parse(dataset.value);
      if (typeof nanoseconds === "bigint") return nanoseconds;
      addIssue({ message: nanoseconds });
      return NEVER;
    }),
  );
}

/** As {@linkcode duration}, or an integer of nanoseconds: what logging.flushFrequency takes. */
export const durationOrNanoseconds = v.pipe(
  v.union(
    [v.string(), v.pipe(v.number(), v.safeInteger())],
    needs('a duration such as "5s", or an integer of nanoseconds'),
  ),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const { value } = dataset;
    const nanoseconds = typeof value === "string"
      ? durationFrom(0n)(value)
      : value < 0
      ? "it is shorter than 0s"
      : BigInt(value);
    if (typeof nanoseconds === "bigint") return nanoseconds;
    addIssue({ message: nanoseconds });
    return NEVER;
  }),
);

/** An IP address. */
export const address = checked((text) =>
  parseIp(text) === undefined ? "it is no IP address" : undefined
);

/**
 * `IP:port` or an IP address; "" is left to whoever reads it.
 *
 * @param defaultPort The port (1–65535) of a bare IP address.
 * @returns The schema.
 */
export function bindAddress(defaultPort: number) {
  return checked((text) => {
    const bind = text === "" ? undefined : parseBindAddress(text, defaultPort);
    return typeof bind === "string" ? bind : undefined;
  });
}

/** A CIDR of either family. */
export const cidr = checked((text) =>
  parseCidr(text) === undefined ? "it is no CIDR such as 10.244.0.0/16 or fd00:10::/56" : undefined
);

/**
 * A list.
 *
 * @param entry The schema of its entries.
 * @returns The schema.
 */
export function list<Entry extends v.GenericSchema>(entry: Entry) {
  return v.array(entry, needs("a list"));
}

/**
 * A map of fields. Fields that it does not have are found, and told of, before it is parsed.
 *
 * @param entries Its fields.
 * @returns The schema.
 */
export function fields<Entries extends v.ObjectEntries>(entries: Entries) {
  return v.strictObject(entries, ({ expected, input }) => {
    if (expected === "never") return "there is no such field";
    // valibot names the key that lacks.
    if (expected?.startsWith('"')) return "it is missing";
    return `it is ${found(input)}, and it needs a map of fields`;
  });
}

/**
 * A field with a default.
 *
 * @param schema What it takes.
 * @param fallback What it is when it is not set.
 * @param description What it is for, as the published JSON Schema says it.
 * @returns The schema; null is unset.
 */
export function field<
  Schema extends v.GenericSchema,
  const Fallback extends v.Default<Schema, null | undefined>,
>(schema: Schema, fallback: Fallback, description: string) {
  return v.pipe(v.nullish(schema, fallback), v.description(description));
}

/**
 * A field whose default hangs on others, or that acts otherwise when it is not set.
 *
 * @param schema What it takes.
 * @param description What it is for.
 * @returns The schema; unset and null are undefined.
 */
export function unset<Schema extends v.GenericSchema>(schema: Schema, description: string) {
  return v.pipe(
    v.nullish(schema),
    // Before the transformation, which the published schema ends at.
    v.description(description),
    v.transform((value): v.InferOutput<Schema> | undefined => value ?? undefined),
  );
}

/**
 * A map of fields within another. When it is not set each of its fields has its default.
 *
 * @param entries Its fields.
 * @param description What they are for.
 * @returns The schema.
 */
export function section<Entries extends v.ObjectEntries>(entries: Entries, description: string) {
  const schema = fields(entries);
  // An empty map is an input of a map of fields that may all be left out.
  const empty = {} as v.InferInput<typeof schema>;
  return v.pipe(v.nullish(schema, () => empty), v.description(description));
}
