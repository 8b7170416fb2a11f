/**
 * One manifest file: its text to the objects it defines, all of them or none.
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

/** What a faultless file comes to. */
export interface LoadedFile {
  /** In the order of the file; no key twice. */
  readonly definitions: readonly Definition[];
  /** The kinds it also has and that nobody reads, as `apps/v1 Deployment`, each once. */
  readonly ignored: readonly string[];
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
};

const LISTS = ["v1 List", "v1 ServiceList", "v1 NodeList", "discovery.k8s.io/v1 EndpointSliceList"];

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

function keyOf(object: Slim): string {
  return object.kind === "Node"
    ? `Node ${object.name}`
    : `${object.kind} ${object.namespace}/${object.name}`;
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
      if (!read.ok) { for (const { path, state } of read.faults) fault(path, state); }
      else this.#define(read.object, read.labels, document.lineOf(prefix), fault);
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
    const wanted = object.kind === "Node" || isSelected(labels);
    this.definitions.set(key, { key, line, object: wanted ? versioned(object) : undefined });
  }
}

function syntaxFailure(file: string, fault: SyntaxFault): WeirError {
  return failure(file, fault.line, `it does not parse: ${fault.reason}`, []);
}

/**
 * Loads the text of one file.
 *
 * @param file Its name, for messages; a name that ends in `.json` is read as JSON, others as YAML.
 * @param bytes Its content in UTF-8.
 * @returns The objects it defines.
 * @throws {WeirError} WEIR_MANIFEST_FILE when anything in it is wrong, with line and field.
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
  const [first, ...more] = reading.faults;
  if (first === undefined) {
    return { definitions: [...reading.definitions.values()], ignored: [...reading.ignored] };
  }
  const states = [
    `${formatPath(first.path)} ${first.state}`,
    ...more.slice(0, TOLD - 1).map(({ line, path, state }) =>
      `line ${line}: ${formatPath(path)} ${state}`
    ),
    ...(more.length >= TOLD ? [`${more.length - TOLD + 1} more`] : []),
  ];
  throw failure(file, first.line, states.join("; "), first.path);
}
