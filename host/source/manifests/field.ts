/**
 * The fields that manifests are made of: what each accepts, in the words of the error.
 *
 * @module
 */
import * as v from "valibot";
import { ipFamily, parseCidr } from "../../../schemas/ip.ts";
import type { FieldPath } from "./document.ts";

/** A field that cannot be used. */
export interface Fault {
  /** Where it is, from the top of its document or object. */
  readonly path: FieldPath;
  /** What is the case, as `is "abc", expected an integer from 1 to 65535`. */
  readonly state: string;
}

/**
 * Writes a path as people do.
 *
 * @param path For example `["spec", "ports", 0, "port"]`.
 * @returns For example `spec.ports[0].port`; `the document` for the empty path.
 */
export function formatPath(path: FieldPath): string {
  const text = path.map((key) => typeof key === "number" ? `[${key}]` : `.${key}`).join("");
  return text === "" ? "the document" : text.replace(/^\./, "");
}

/**
 * Words the faults that valibot found. The messages of the schemas here say what is expected.
 *
 * @param issues From `safeParse`.
 * @returns One fault for each issue.
 */
export function faultsOf(issues: readonly v.BaseIssue<unknown>[]): Fault[] {
  return issues.map((issue) => {
    const path = (issue.path ?? []).map((item) =>
      typeof item.key === "number" ? item.key : String(item.key)
    );
    if (issue.input === undefined) return { path, state: "is missing" };
    const text = JSON.stringify(issue.input);
    const input = text.length > 80 ? `${text.slice(0, 77)}...` : text;
    return { path, state: `is ${input}, expected ${issue.message}` };
  });
}

function whole(least: number, most: number) {
  const expected = `an integer from ${least} to ${most}`;
  return v.pipe(
    v.number(expected),
    v.integer(expected),
    v.minValue(least, expected),
    v.maxValue(most, expected),
  );
}

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

function matching(pattern: RegExp, expected: string) {
  return v.pipe(v.string(expected), v.regex(pattern, expected));
}

/** A string of any content. */
export const Text = v.string("a string");
/** A string; absent or null reads "". */
export const OptionalText = v.nullish(Text, "");
/** A truth value. */
export const Flag = v.boolean("true or false");
/** A port, 1–65535. */
export const Port = whole(1, 65535);
/** A port that may be absent: then 0. */
export const OptionalPort = v.nullish(whole(0, 65535), 0);
/** ClientIP affinity in seconds. Source: core/v1, at most one day. */
export const AffinityTimeout = whole(1, 86400);
/** A DNS label (RFC 1123), as namespaces, Services and ports have for names. */
export const LabelName = matching(LABEL, "a DNS label (a-z, 0-9 and -, at most 63)");
/** The name of a port: a DNS label, or "" or absent for the only port. */
export const PortName = v.nullish(
  v.union([v.literal(""), LabelName], "a DNS label (a-z, 0-9 and -, at most 63)"),
  "",
);
/** A DNS subdomain (RFC 1123), as slices and Nodes have for names. */
export const SubdomainName = matching(
  SUBDOMAIN,
  "a DNS subdomain (a-z, 0-9, - and ., at most 253)",
);
/** An IP address of either family. */
export const Address = v.pipe(
  v.string("an IP address"),
  v.check((text) => ipFamily(text) !== undefined, "an IP address"),
);
/** A cluster IP: an address, or "None" for a headless Service. */
export const ClusterAddress = v.pipe(
  v.string('an IP address or "None"'),
  v.check((text) => text === "None" || ipFamily(text) !== undefined, 'an IP address or "None"'),
);
/** A network, as `10.244.0.0/24`. */
export const Network = v.pipe(
  v.string("a CIDR"),
  v.check((text) => parseCidr(text) !== undefined, "a CIDR"),
);

/**
 * One of a few words.
 *
 * @param words The words.
 * @returns A schema that names them all when it refuses.
 */
export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  const last = words.at(-1) ?? "";
  const expected = words.length === 1 ? last : `${words.slice(0, -1).join(", ")} or ${last}`;
  return v.picklist(words, expected);
}

/**
 * A list that may be absent or null: then it is empty.
 *
 * @param item The schema of what is in it.
 * @returns The schema of the list.
 */
export function listOf<const Item extends v.GenericSchema>(item: Item) {
  return v.nullish(v.array(item, "a list"), () => []);
}

/** Labels or annotations. */
export const StringMap = v.nullish(v.record(v.string(), Text, "a mapping"), () => ({}));

/**
 * Those entries of labels or annotations that the proxy reads.
 *
 * @param entries All of them.
 * @param prefix For example `service.kubernetes.io/`.
 * @returns The ones whose key begins so.
 */
export function withPrefix(
  entries: Readonly<Record<string, string>>,
  prefix: string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(entries).filter(([key]) => key.startsWith(prefix)));
}
