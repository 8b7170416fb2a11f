/**
 * One manifest file: its text to the objects it defines, each of them whole or not at all.
 *
 * @module
 */
import { createHash } from "node:crypto";
import * as v from "valibot";
import { WeirError } from "../../../schemas/errors.ts";
import type { KubeObject } from "../../../schemas/kube.ts";
import {
  type FieldPath,
  type ManifestDocument,
  parseJson,
  parseYaml,
  type SyntaxFault,
} from "./document.ts";
import {
  endpointSliceFaults,
  EndpointSliceManifestSchema,
  slimEndpointSlice,
} from "./endpoint_slice.ts";
import { type Fault, faultsOf, formatPath } from "./field.ts";
import { NodeManifestSchema, slimNode } from "./node.ts";
import { ServiceCIDRManifestSchema, slimServiceCIDR } from "./service_cidr.ts";
import { serviceFaults, ServiceManifestSchema, slimService } from "./service.ts";

/** An object that a file defines. */
export interface Definition {
  /** Kind, namespace and name, as `Service default/web` or `Node worker-1`. */
  readonly key: string;
  /** The line where it begins, from 1. */
  readonly line: number;
  /**
   * The object; undefined when a service proxy's selectors would not have the API server send it
   * (labels `service.kubernetes.io/service-proxy-name` and `service.kubernetes.io/headless`).
   */
  readonly object: KubeObject | undefined;
}

/** What a file comes to that parses. */
export interface LoadedFile {
  /** In the order of the file; no key twice. */
  readonly definitions: readonly Definition[];
  /** The kinds it also has and that nobody reads, as `apps/v1 Deployment`, each once. */
  readonly ignored: readonly string[];
  /** What is refused of it; undefined when nothing is. */
  readonly refusal: Refusal | undefined;
}

/** The objects of a file that are refused. */
export interface Refusal {
  /** Keys, as far as the objects say what they are. */
  readonly keys: ReadonlySet<string>;
  /** WEIR_MANIFEST_FILE, with the line and field of each fault. */
  readonly error: WeirError;
}

type Slim<Kind extends KubeObject = KubeObject> = Kind extends KubeObject
  ? Omit<Kind, "resourceVersion">
  : never;

type ReadObject =
  | { readonly ok: true; readonly object: Slim; readonly labels: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/** How many faults of a file one message tells. */
const TOLD = 5;

const TypeSchema = v.object({ apiVersion: v.string("a string"), kind: v.string("a string") });

function readAs<Schema extends v.GenericSchema<unknown, ManifestWithLabels>>(
  value: unknown,
  schema: Schema,
  check: (manifest: v.InferOutput<Schema>) => readonly Fault[],
  slim: (manifest: v.InferOutput<Schema>) => Slim,
): ReadObject {
  const result = v.safeParse(schema, value);
  if (!result.success) return { ok: false, faults: faultsOf(result.issues) };
  const faults = check(result.output);
  if (faults.length > 0) return { ok: false, faults };
  return { ok: true, object: slim(result.output), labels: result.output.metadata.labels };
}

interface ManifestWithLabels {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
}

/** The kinds that are read, by apiVersion and kind; a Knative Service is another thing. */
const READERS: Readonly<Record<string, (value: unknown) => ReadObject>> = {
  "v1 Service": (value) => readAs(value, ServiceManifestSchema, serviceFaults, slimService),
  "discovery.k8s.io/v1 EndpointSlice": (value) =>
    readAs(value, EndpointSliceManifestSchema, endpointSliceFaults, slimEndpointSlice),
  "v1 Node": (value) => readAs(value, NodeManifestSchema, () => [], slimNode),
  "networking.k8s.io/v1 ServiceCIDR": (value) =>
    readAs(value, ServiceCIDRManifestSchema, () => [], slimServiceCIDR),
};

const LISTS = [
  "v1 List",
  "v1 ServiceList",
  "v1 NodeList",
  "discovery.k8s.io/v1 EndpointSliceList",
  "networking.k8s.io/v1 ServiceCIDRList",
];

/** As much of an object as says which one it is. */
const NameSchema = v.object({
  kind: v.string(),
  metadata: v.object({ name: v.string(), namespace: v.nullish(v.string(), "default") }),
});

/** What upstream's informers keep out by a label selector. */
function isSelected(labels: Readonly<Record<string, string>>): boolean {
  return !Object.hasOwn(labels, "service.kubernetes.io/service-proxy-name") &&
    !Object.hasOwn(labels, "service.kubernetes.io/headless");
}

/** Without an API server the content is the version: equal objects have equal ones. */
function versioned(object: Slim): KubeObject {
  const digest = createHash("sha256").update(JSON.stringify(object)).digest("hex");
  return { ...object, resourceVersion: digest.slice(0, 16) };
}

function keyFor(kind: string, namespace: string, name: string): string {
  return kind === "Node" || kind === "ServiceCIDR"
    ? `${kind} ${name}`
    : `${kind} ${namespace}/${name}`;
}

function keyOf(object: Slim): string {
  return keyFor(object.kind, "namespace" in object ? object.namespace : "", object.name);
}

function failure(
  file: string,
  line: number,
  state: string,
  path: FieldPath,
  cause?: unknown,
): WeirError {
  const message = `Cannot load manifest "${file}:${line}": ${state}`;
  return new WeirError("WEIR_MANIFEST_FILE", message, { path, cause });
}

/** Collects one file's definitions and faults, document by document. */
class Reading {
  readonly definitions = new Map<string, Definition>();
  readonly ignored = new Set<string>();
  readonly faults: (Fault & { readonly line: number })[] = [];
  readonly refused = new Set<string>();

  read(document: ManifestDocument, value: unknown, prefix: FieldPath): void {
    const fault = (path: FieldPath, state: string) => {
      const whole = [...prefix, ...path];
      this.faults.push({ path: whole, state, line: document.lineOf(whole) });
    };
    const type = v.safeParse(TypeSchema, value);
    if (!type.success) {
      if (type.issues.some((issue) => issue.path === undefined)) {
        fault([], "is not a mapping, expected a Kubernetes object");
      } else for (const { path, state } of faultsOf(type.issues)) fault(path, state);
      return;
    }
    const name = `${type.output.apiVersion} ${type.output.kind}`;
    const reader = Object.hasOwn(READERS, name) ? READERS[name] : undefined;
    if (LISTS.includes(name)) this.#readList(document, value, prefix, fault);
    else if (reader === undefined) this.ignored.add(name);
    else {
      const read = reader(value);
      if (!read.ok) {
        for (const { path, state } of read.faults) fault(path, state);
        const named = v.safeParse(NameSchema, value);
        if (named.success) {
          const { kind, metadata } = named.output;
          this.refused.add(keyFor(kind, metadata.namespace, metadata.name));
        }
      } else this.#define(read.object, read.labels, document.lineOf(prefix), fault);
    }
  }

  #readList(
    document: ManifestDocument,
    value: unknown,
    prefix: FieldPath,
    fault: (path: FieldPath, state: string) => void,
  ): void {
    const list = v.safeParse(v.object({ items: v.nullish(v.array(v.unknown()), []) }), value);
    if (!list.success) return fault(["items"], "is not a list, expected a list of objects");
    if (prefix.length > 0) return fault([], "is a list within a list, expected an object");
    for (const [index, item] of list.output.items.entries()) {
      this.read(document, item, ["items", index]);
    }
  }

  #define(
    object: Slim,
    labels: Readonly<Record<string, string>>,
    line: number,
    fault: (path: FieldPath, state: string) => void,
  ): void {
    const key = keyOf(object);
    const twin = this.definitions.get(key);
    if (twin !== undefined) {
      return fault(["metadata", "name"], `is that of ${key}, defined in line ${twin.line} already`);
    }
    const wanted = !("namespace" in object) || isSelected(labels);
    this.definitions.set(key, { key, line, object: wanted ? versioned(object) : undefined });
  }
}

function syntaxFailure(file: string, fault: SyntaxFault): WeirError {
  return failure(file, fault.line, `it does not parse: ${fault.reason}`, []);
}

/** The faults of a file in one message. */
function refusalOf(file: string, { faults, refused }: Reading): Refusal | undefined {
  const [first, ...more] = faults;
  if (first === undefined) return undefined;
  const states = [
    `${formatPath(first.path)} ${first.state}`,
    ...more.slice(0, TOLD - 1).map(({ line, path, state }) =>
      `line ${line}: ${formatPath(path)} ${state}`
    ),
    ...(more.length >= TOLD ? [`${more.length - TOLD + 1} more`] : []),
  ];
  return { keys: refused, error: failure(file, first.line, states.join("; "), first.path) };
}

/**
 * Loads the text of one file. An object with a fault is refused whole and leaves the others alone.
 *
 * @param file Its name, for messages; a name that ends in `.json` is read as JSON, others as YAML.
 * @param bytes Its content in UTF-8.
 * @returns The objects it defines, and what is refused.
 * @throws {WeirError} WEIR_MANIFEST_FILE when it does not parse, with the line.
 */
export function loadFile(file: string, bytes: Uint8Array): LoadedFile {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (thrown) {
    throw failure(file, 1, "it is not UTF-8", [], thrown);
  }
  const parsed = file.endsWith(".json") ? parseJson(text) : parseYaml(text);
  if (!parsed.ok) throw syntaxFailure(file, parsed.fault);
  const reading = new Reading();
  for (const document of parsed.documents) reading.read(document, document.value, []);
  return {
    definitions: [...reading.definitions.values()],
    ignored: [...reading.ignored],
    refusal: refusalOf(file, reading),
  };
}
