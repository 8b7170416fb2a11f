/**
 * From the text of a configuration file to the input of a configuration: which documents there
 * are, and what in them is unknown or stands there twice.
 *
 * @module
 */
import { parseDuration } from "../../../schemas/config/duration.ts";
import { found } from "../../../schemas/config/field.ts";
import { KUBE_PROXY_DOCUMENT, KubeProxySchema } from "../../../schemas/config/kube_proxy.ts";
import { nearest } from "../../../schemas/config/nearest.ts";
import { WEIR_DOCUMENT, WeirSchema } from "../../../schemas/config/weir.ts";
import { type ConfigProblem, quoteValue } from "../problem.ts";
import { type SchemaShape, schemaShape } from "../schema_shape.ts";
import { Positions, START, valueAt } from "./located.ts";
import { readYaml } from "./yaml.ts";

/** The kinds of document that a file may hold. */
const KINDS = {
  kubeProxy: { ...KUBE_PROXY_DOCUMENT, shape: schemaShape(KubeProxySchema) },
  weir: { ...WEIR_DOCUMENT, shape: schemaShape(WeirSchema) },
} as const;

/** The part of a configuration that a document is. */
export type DocumentRoot = keyof typeof KINDS;

/** A file that was read. */
export interface ConfigFile {
  /** The path as it was given. */
  readonly path: string;
  /** The input of each part, without what is unknown; {} for a document that is not there. */
  readonly inputs: Readonly<Record<DocumentRoot, unknown>>;
  /** Which documents are there. */
  readonly present: readonly DocumentRoot[];
  readonly positions: Readonly<Record<DocumentRoot, Positions>>;
  /** Errors of the documents as such, and warnings. */
  readonly problems: readonly ConfigProblem[];
}

/**
 * Fields whose zero means unset, as upstream's defaults replace it. Of flags it does not: an
 * address of "" disables a server there.
 */
const ZERO_IS_UNSET: readonly (readonly string[])[] = [
  "bindAddress",
  "healthzBindAddress",
  "metricsBindAddress",
  "clientConnection.contentType",
  "clientConnection.qps",
  "clientConnection.burst",
  "logging.format",
  "logging.flushFrequency",
  "iptables.syncPeriod",
  "ipvs.syncPeriod",
  "nftables.syncPeriod",
  "configSyncPeriod",
  "udpIdleTimeout",
].map((path) => path.split("."));

function isZero(value: unknown): boolean {
  return value === "" || value === 0 ||
    (typeof value === "string" && parseDuration(value) === 0n);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A copy in which a zero at a path is null. */
function withoutZero(value: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined) return isZero(value) ? null : value;
  if (!isRecord(value) || !Object.hasOwn(value, key)) return value;
  return { ...value, [key]: withoutZero(value[key], rest) };
}

/** Takes out what the shape does not have, and tells of it. */
function known(
  value: unknown,
  shape: SchemaShape,
  path: readonly string[],
  unknown: (path: readonly string[], names: readonly string[]) => void,
): unknown {
  if (shape.type === "list" && Array.isArray(value)) {
    return value.map((entry, i) => known(entry, shape.entry, [...path, String(i)], unknown));
  }
  if (!isRecord(value) || shape.type === "value" || shape.type === "list") return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => {
      const at = [...path, key];
      const field = shape.type === "map" ? shape.value : shape.fields.get(key);
      if (field !== undefined) return [[key, known(inner, field, at, unknown)]];
      unknown(at, shape.type === "map" ? [] : [...shape.fields.keys()]);
      return [];
    }),
  );
}

/** Which document this is, or why it is none. */
function kindOf(value: unknown): DocumentRoot | { path: string[]; message: string } {
  const kinds = Object.values(KINDS).map(({ kind }) => kind);
  if (!isRecord(value)) {
    return { path: [], message: `it is ${found(value)}, and it needs a ${kinds.join(" or ")}` };
  }
  const { kind, apiVersion } = value;
  const root = (["kubeProxy", "weir"] as const).find((root) => KINDS[root].kind === kind);
  if (root === undefined) {
    const guess = typeof kind === "string" ? nearest(kind, kinds) : undefined;
    const remedy = guess === undefined
      ? `${kinds.join(" and ")} are possible`
      : `did you mean ${guess}?`;
    return kind === undefined || kind === null
      ? { path: [], message: `it has no kind; ${kinds.join(" and ")} are possible` }
      : { path: ["kind"], message: `there is no such kind; ${remedy}` };
  }
  if (apiVersion === KINDS[root].apiVersion) return root;
  const path = apiVersion === undefined || apiVersion === null ? [] : ["apiVersion"];
  return { path, message: `the apiVersion of a ${KINDS[root].kind} is ${KINDS[root].apiVersion}` };
}

/**
 * Reads a configuration file.
 *
 * @param path For messages.
 * @param text YAML or JSON.
 * @returns What it holds. It is not yet checked against the schemas.
 */
export function readConfigFile(path: string, text: string): ConfigFile {
  const problems: ConfigProblem[] = [];
  const inputs: Record<DocumentRoot, unknown> = { kubeProxy: {}, weir: {} };
  const positions = { kubeProxy: new Positions(), weir: new Positions() };
  const present: DocumentRoot[] = [];
  const documents = readYaml(text);
  const base = { file: path, kind: "", path: [], value: "" };
  if ("message" in documents) {
    const { position, message } = documents;
    problems.push({
      ...base,
      ...position,
      severity: "error",
      message: `it is no YAML: ${message}`,
    });
    return { path, inputs, present, positions, problems };
  }
  if (documents.length === 0) {
    const kinds = Object.values(KINDS).map(({ kind }) => kind).join(" and no ");
    problems.push({ ...base, ...START, severity: "error", message: `there is no ${kinds} in it` });
  }
  for (const document of documents) {
    const root = kindOf(document.value);
    const problem = (
      severity: ConfigProblem["severity"],
      at: readonly string[],
      message: string,
      kind = "",
    ) => {
      const value = at.length === 0 ? "" : quoteValue(valueAt(document.value, at));
      const position = document.positions.find(at);
      problems.push({ severity, file: path, kind, path: at, value, message, ...position });
    };
    if (typeof root !== "string") {
      problem("error", root.path, root.message);
      continue;
    }
    const { kind, shape } = KINDS[root];
    if (present.includes(root)) {
      problem("error", ["kind"], `there is a ${kind} before it, and one at most is read`, kind);
      continue;
    }
    present.push(root);
    positions[root] = document.positions;
    for (const at of document.duplicates) {
      problem("warning", at, "it stands there more than once, and the last one counts", kind);
    }
    const { kind: _, apiVersion: __, ...value } = document.value as Record<string, unknown>;
    const input = known(value, shape, [], (at, names) => {
      const guess = nearest(at.at(-1) ?? "", names);
      const hint = guess === undefined ? "" : `; did you mean ${guess}?`;
      problem("warning", at, `there is no such field${hint}`, kind);
    });
    inputs[root] = root === "kubeProxy" ? ZERO_IS_UNSET.reduce(withoutZero, input) : input;
  }
  return { path, inputs, present, positions, problems };
}
