/**
 * What the fake API server says, in both encodings, as a real one words it.
 *
 * @module
 */
import type { KubeKind } from "../../schemas/kube.ts";
import { fieldHead, protobufEnvelope, protobufMessage } from "./api_message.ts";
import type { StoredObject } from "./api_store.ts";

/** An encoding of answers. */
export type ApiEncoding = "json" | "protobuf";

/** A resource of the fake API server. */
export interface ApiResource {
  readonly kind: KubeKind;
  readonly group: string;
  readonly plural: string;
  readonly apiVersion: string;
}

/** The resources by their paths. */
export const API_RESOURCES: Readonly<Record<string, ApiResource>> = {
  "/api/v1/services": { kind: "Service", group: "", plural: "services", apiVersion: "v1" },
  "/api/v1/nodes": { kind: "Node", group: "", plural: "nodes", apiVersion: "v1" },
  "/apis/discovery.k8s.io/v1/endpointslices": {
    kind: "EndpointSlice",
    group: "discovery.k8s.io",
    plural: "endpointslices",
    apiVersion: "discovery.k8s.io/v1",
  },
  "/apis/networking.k8s.io/v1/servicecidrs": {
    kind: "ServiceCIDR",
    group: "networking.k8s.io",
    plural: "servicecidrs",
    apiVersion: "networking.k8s.io/v1",
  },
};

/** A failure in the words of `metav1.Status`. */
export interface FailureStatus {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly details?: Readonly<Record<string, unknown>>;
}

const utf8 = new TextEncoder();

/**
 * A Status object.
 *
 * @param failure Code, reason and message.
 * @returns Its JSON form.
 */
export function statusObject(failure: FailureStatus): Readonly<Record<string, unknown>> {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: failure.metadata ?? {},
    status: "Failure",
    message: failure.message,
    reason: failure.reason,
    ...(failure.details === undefined ? {} : { details: failure.details }),
    code: failure.code,
  };
}

/**
 * The body of an answer that is no success.
 *
 * @param failure Code, reason and message.
 * @param encoding JSON or protobuf.
 * @returns The body.
 */
export function failureBody(failure: FailureStatus, encoding: ApiEncoding): Uint8Array {
  const status = statusObject(failure);
  return encoding === "json"
    ? utf8.encode(JSON.stringify(status))
    : protobufEnvelope("v1", "Status", [protobufMessage("Status", status)]);
}

/**
 * The body of a list.
 *
 * @param resource What is listed.
 * @param objects The page's objects.
 * @param metadata The list's metadata.
 * @param encoding JSON or protobuf.
 * @returns The body.
 */
export function listBody(
  resource: ApiResource,
  objects: readonly StoredObject[],
  metadata: Readonly<Record<string, unknown>>,
  encoding: ApiEncoding,
): Uint8Array {
  const kind = `${resource.kind}List`;
  if (encoding === "json") {
    const head = JSON.stringify({ kind, apiVersion: resource.apiVersion, metadata });
    const items = objects.map((object) => object.json).join(",");
    return utf8.encode(`${head.slice(0, -1)},"items":[${items}]}\n`);
  }
  const listMeta = protobufMessage("ListMeta", metadata);
  const pieces = objects.flatMap(({ protobuf }) => [fieldHead(2, protobuf), protobuf]);
  return protobufEnvelope(resource.apiVersion, kind, [fieldHead(1, listMeta), listMeta, ...pieces]);
}

/** What a watch tells: a stored object with its event, a version, or a failure. */
export type FakeWatchEvent =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: StoredObject }
  | { readonly type: "BOOKMARK"; readonly version: number }
  | { readonly type: "ERROR"; readonly failure: FailureStatus };

/**
 * An event of a watch with its framing.
 *
 * @param resource What is watched.
 * @param event The event.
 * @param encoding JSON: a line; protobuf: 4 bytes of length and a WatchEvent.
 * @returns The bytes to send.
 */
export function watchFrame(
  resource: ApiResource,
  event: FakeWatchEvent,
  encoding: ApiEncoding,
): Uint8Array {
  const { apiVersion, kind } = resource;
  // A bookmark is an empty object of the kind; Go writes its nil lists as null.
  const mark = (version: number) => ({
    metadata: { resourceVersion: String(version) },
    ...(kind === "EndpointSlice" ? { addressType: "", endpoints: null, ports: null } : {
      spec: {},
      status: {},
    }),
  });
  if (encoding === "json") {
    const object = event.type === "ERROR"
      ? JSON.stringify(statusObject(event.failure))
      : JSON.stringify({ kind, apiVersion }).slice(0, -1) + "," +
        (event.type === "BOOKMARK" ? JSON.stringify(mark(event.version)) : event.object.json)
          .slice(1);
    return utf8.encode(`{"type":"${event.type}","object":${object}}\n`);
  }
  const raw = event.type === "ERROR"
    ? failureBody(event.failure, "protobuf")
    : protobufEnvelope(apiVersion, kind, [
      event.type === "BOOKMARK"
        ? protobufMessage(kind, mark(event.version))
        : event.object.protobuf,
    ]);
  const extension = [fieldHead(1, raw), raw];
  const type = utf8.encode(event.type);
  const extensionLength = fieldHead(1, raw).length + raw.length;
  const pieces = [
    fieldHead(1, type),
    type,
    fieldHead(2, new Uint8Array(extensionLength)),
    ...extension,
  ];
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const frame = new Uint8Array(4 + length);
  new DataView(frame.buffer).setUint32(0, length);
  let offset = 4;
  for (const piece of pieces) {
    frame.set(piece, offset);
    offset += piece.length;
  }
  return frame;
}

/**
 * Compiles a label or field selector.
 *
 * @param labels The value of `labelSelector`: `!key`, `key` or `key=value`, with commas between.
 * @param fields The value of `fieldSelector`: `metadata.name=…` or "".
 * @returns A test of an object, or undefined when a selector is not understood.
 */
export function selectorOf(
  labels: string,
  fields: string,
): ((object: StoredObject) => boolean) | undefined {
  const tests: ((object: StoredObject) => boolean)[] = [];
  for (const term of labels.split(",").filter((term) => term !== "")) {
    const match = /^(!?)([^=!]+)(?:=([^=]*))?$/.exec(term);
    if (match === null) return undefined;
    const [, not = "", key = "", value] = match;
    tests.push(({ metadata }) => {
      const actual = metadata.labels?.[key];
      if (not !== "") return actual === undefined;
      return value === undefined ? actual !== undefined : actual === value;
    });
  }
  if (fields !== "") {
    const name = /^metadata\.name=(.*)$/.exec(fields)?.[1];
    if (name === undefined) return undefined;
    tests.push(({ metadata }) => metadata.name === name);
  }
  return (object) => tests.every((test) => test(object));
}
