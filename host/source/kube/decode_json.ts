/**
 * Reads JSON answers.
 *
 * @module
 */
import { messageOf, WeirError } from "../../../schemas/errors.ts";
import type { KubeKind, KubeObject, SliceEndpoint } from "../../../schemas/kube.ts";
import { concatenated } from "../../bytes.ts";
import type { ApiStatus, Decoder, ListPage, Malformed } from "./decoder.ts";
import {
  type Conditions,
  endpointOf,
  FieldFault,
  type FieldPath,
  ingressOf,
  type Metadata,
  NO_LABELS,
  nodeOf,
  NONE,
  objectError,
  portSharing,
  protocolOf,
  readsAnnotation,
  readsLabel,
  serviceCidrOf,
  serviceOf,
  sliceOf,
} from "./slim.ts";
import { StringTable } from "./strings.ts";

type Json = Readonly<Record<string, unknown>>;

const EMPTY: Json = Object.freeze({});

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An object at a path; an absent one is empty. */
function record(value: unknown, path: FieldPath): Json {
  if (value === undefined || value === null) return EMPTY;
  if (!isObject(value)) throw new FieldFault(path, "no object");
  return value;
}

function text(from: Json, key: string, path: FieldPath): string {
  const value = from[key];
  if (value === undefined || value === null) return "";
  if (typeof value !== "string") throw new FieldFault([...path, key], "no string");
  return value;
}

function integer(from: Json, key: string, path: FieldPath): number {
  const value = from[key];
  if (value === undefined || value === null) return 0;
  if (typeof value !== "number") throw new FieldFault([...path, key], "no number");
  return value;
}

function flag(from: Json, key: string, path: FieldPath): boolean | undefined {
  const value = from[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "boolean") throw new FieldFault([...path, key], "neither true nor false");
  return value;
}

function list(from: Json, key: string, path: FieldPath): readonly unknown[] {
  const value = from[key];
  if (value === undefined || value === null) return NONE;
  if (!Array.isArray(value)) throw new FieldFault([...path, key], "no list");
  return value;
}

function texts(from: Json, key: string, path: FieldPath): readonly string[] {
  const values = list(from, key, path);
  if (values.length === 0) return NONE;
  return values.map((value, index) => {
    if (typeof value !== "string") throw new FieldFault([...path, key, index], "no string");
    return value;
  });
}

function selected(
  from: Json,
  key: string,
  reads: (key: string) => boolean,
): Readonly<Record<string, string>> {
  const values = record(from[key], ["metadata", key]);
  let chosen: Record<string, string> | undefined;
  for (const [name, value] of Object.entries(values)) {
    if (!reads(name)) continue;
    if (typeof value !== "string") throw new FieldFault(["metadata", key, name], "no string");
    chosen ??= {};
    chosen[name] = value;
  }
  return chosen ?? NO_LABELS;
}

/** What can be told of an object for a report or a removal, however broken it is. */
function identity(object: Json): { namespace: string; name: string; resourceVersion: string } {
  const metadata = isObject(object["metadata"]) ? object["metadata"] : EMPTY;
  const read = (key: string) => typeof metadata[key] === "string" ? metadata[key] : "";
  return {
    namespace: read("namespace"),
    name: read("name"),
    resourceVersion: read("resourceVersion"),
  };
}

/** A reader of objects of one kind that shares strings between them. */
class ObjectReader {
  readonly #kind: KubeKind;
  readonly #strings: StringTable;
  readonly #sharePorts = portSharing();

  constructor(kind: KubeKind, strings: StringTable) {
    this.#kind = kind;
    this.#strings = strings;
  }

  read(object: Json): KubeObject {
    const metadata = this.#metadata(object);
    switch (this.#kind) {
      case "Service":
        return this.#service(metadata, object);
      case "EndpointSlice":
        return this.#slice(metadata, object);
      case "Node":
        return this.#node(metadata, object);
      case "ServiceCIDR":
        return serviceCidrOf(
          metadata,
          texts(record(object["spec"], ["spec"]), "cidrs", ["spec"]),
        );
    }
  }

  #metadata(object: Json): Metadata {
    const path = ["metadata"];
    const metadata = record(object["metadata"], path);
    const name = text(metadata, "name", path);
    if (name === "") throw new FieldFault([...path, "name"], "absent");
    return {
      namespace: this.#strings.share(text(metadata, "namespace", path)),
      name,
      resourceVersion: text(metadata, "resourceVersion", path),
      labels: selected(metadata, "labels", (key) => readsLabel(this.#kind, key)),
      annotations: selected(metadata, "annotations", (key) => readsAnnotation(this.#kind, key)),
      deleting: text(metadata, "deletionTimestamp", path) !== "",
    };
  }

  #service(metadata: Metadata, object: Json): KubeObject {
    const spec = record(object["spec"], ["spec"]);
    const at = ["spec"];
    const affinity = record(spec["sessionAffinityConfig"], [...at, "sessionAffinityConfig"]);
    const clientPath = [...at, "sessionAffinityConfig", "clientIP"];
    const client = record(affinity["clientIP"], clientPath);
    const status = record(object["status"], ["status"]);
    const balancerPath = ["status", "loadBalancer"];
    const balancer = record(status["loadBalancer"], balancerPath);
    const ingress = list(balancer, "ingress", balancerPath).flatMap((value, index) => {
      const path = [...balancerPath, "ingress", index];
      const point = record(value, path);
      return ingressOf(text(point, "ip", path), text(point, "ipMode", path), path) ?? NONE;
    });
    const ports = list(spec, "ports", at).map((value, index) => {
      const path = [...at, "ports", index];
      const port = record(value, path);
      return {
        name: this.#strings.share(text(port, "name", path)),
        protocol: protocolOf(text(port, "protocol", path)),
        port: integer(port, "port", path),
        nodePort: integer(port, "nodePort", path),
      };
    });
    return serviceOf(metadata, {
      type: text(spec, "type", at),
      clusterIP: text(spec, "clusterIP", at),
      clusterIPs: texts(spec, "clusterIPs", at),
      externalIPs: texts(spec, "externalIPs", at),
      ports: ports.length === 0 ? NONE : ports,
      sessionAffinity: text(spec, "sessionAffinity", at),
      affinityTimeoutSeconds: integer(client, "timeoutSeconds", clientPath),
      internalTrafficPolicy: text(spec, "internalTrafficPolicy", at),
      externalTrafficPolicy: text(spec, "externalTrafficPolicy", at),
      healthCheckNodePort: integer(spec, "healthCheckNodePort", at),
      publishNotReadyAddresses: flag(spec, "publishNotReadyAddresses", at) ?? false,
      loadBalancerSourceRanges: texts(spec, "loadBalancerSourceRanges", at),
      loadBalancerIngress: ingress.length === 0 ? NONE : ingress,
      trafficDistribution: text(spec, "trafficDistribution", at),
    });
  }

  #slice(metadata: Metadata, object: Json): KubeObject {
    const endpoints = list(object, "endpoints", NONE).map((value, index) =>
      this.#endpoint(value, ["endpoints", index])
    );
    const ports = list(object, "ports", NONE).map((value, index) => {
      const path = ["ports", index];
      const port = record(value, path);
      return {
        name: this.#strings.share(text(port, "name", path)),
        protocol: protocolOf(text(port, "protocol", path)),
        port: integer(port, "port", path),
      };
    });
    return sliceOf(
      metadata,
      text(object, "addressType", NONE),
      endpoints.length === 0 ? NONE : endpoints,
      this.#sharePorts(ports),
    );
  }

  #endpoint(value: unknown, path: FieldPath): SliceEndpoint {
    const endpoint = record(value, path);
    const conditionsPath = [...path, "conditions"];
    const written = record(endpoint["conditions"], conditionsPath);
    const conditions: Conditions = {
      ready: flag(written, "ready", conditionsPath),
      serving: flag(written, "serving", conditionsPath),
      terminating: flag(written, "terminating", conditionsPath),
    };
    const hintsPath = [...path, "hints"];
    const hints = record(endpoint["hints"], hintsPath);
    return endpointOf(
      texts(endpoint, "addresses", path),
      conditions,
      this.#strings.share(text(endpoint, "nodeName", path)),
      this.#strings.share(text(endpoint, "zone", path)),
      this.#hints(hints, "forZones", hintsPath),
      this.#hints(hints, "forNodes", hintsPath),
    );
  }

  #hints(hints: Json, key: string, path: FieldPath): readonly string[] {
    const values = list(hints, key, path);
    if (values.length === 0) return NONE;
    return values.map((value, index) => {
      const at = [...path, key, index];
      return this.#strings.share(text(record(value, at), "name", at));
    });
  }

  #node(metadata: Metadata, object: Json): KubeObject {
    const spec = record(object["spec"], ["spec"]);
    const status = record(object["status"], ["status"]);
    const taints = list(spec, "taints", ["spec"]).map((value, index) => {
      const path = ["spec", "taints", index];
      const taint = record(value, path);
      return {
        key: text(taint, "key", path),
        value: text(taint, "value", path),
        effect: text(taint, "effect", path),
      };
    });
    const addresses = list(status, "addresses", ["status"]).map((value, index) => {
      const path = ["status", "addresses", index];
      const address = record(value, path);
      return { type: text(address, "type", path), address: text(address, "address", path) };
    });
    return nodeOf(
      metadata,
      text(spec, "podCIDR", ["spec"]),
      texts(spec, "podCIDRs", ["spec"]),
      taints,
      addresses,
    );
  }
}

const utf8 = new TextDecoder();

function parse(bytes: Uint8Array, what: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (error) {
    throw new WeirError("WEIR_DECODE", `Cannot read ${what} "JSON": ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (!isObject(value)) throw new WeirError("WEIR_DECODE", `Cannot read ${what} "JSON": no object`);
  return value;
}

function statusOf(object: Json): ApiStatus {
  const read = (from: Json, key: string) => typeof from[key] === "string" ? from[key] : "";
  const count = (from: Json, key: string) => typeof from[key] === "number" ? from[key] : 0;
  const details = isObject(object["details"]) ? object["details"] : EMPTY;
  const causes = Array.isArray(details["causes"]) ? details["causes"].filter(isObject) : [];
  return {
    code: count(object, "code"),
    reason: read(object, "reason"),
    message: read(object, "message"),
    causes: causes.map((cause) => read(cause, "reason")),
    retryAfterSeconds: count(details, "retryAfterSeconds"),
  };
}

/**
 * Reads a failure.
 *
 * @param body The body of an answer that is no success.
 * @returns The Status; its message is the body's text when it is no Status.
 */
export function jsonStatus(body: Uint8Array): ApiStatus {
  try {
    return statusOf(parse(body, "Status"));
  } catch {
    const message = utf8.decode(body.subarray(0, 1024)).trim();
    return { code: 0, reason: "", message, causes: [], retryAfterSeconds: 0 };
  }
}

/**
 * A decoder of JSON answers about one kind.
 *
 * @param kind The kind.
 * @param strings Shares strings, also with other decoders.
 * @returns The decoder.
 */
export function jsonDecoder(kind: KubeKind, strings: StringTable): Decoder {
  const reader = new ObjectReader(kind, strings);

  function decode(object: Json): KubeObject | Malformed {
    try {
      return reader.read(object);
    } catch (thrown) {
      const id = identity(object);
      return { ...id, error: objectError(kind, id, thrown) };
    }
  }

  function list(body: Uint8Array): ListPage {
    const answer = parse(body, `list of ${kind}`);
    if (answer["kind"] !== `${kind}List`) {
      throw new WeirError(
        "WEIR_DECODE",
        `Cannot read list of ${kind} "${answer["kind"]}": not a ${kind}List`,
      );
    }
    const metadata = isObject(answer["metadata"]) ? answer["metadata"] : EMPTY;
    // A Go server writes an empty list as null.
    const items = answer["items"] ?? NONE;
    if (!Array.isArray(items)) {
      throw new WeirError("WEIR_DECODE", `Cannot read list of ${kind} "items": no list`);
    }
    const objects: KubeObject[] = [];
    const malformed: Malformed[] = [];
    for (const item of items) {
      const decoded = decode(isObject(item) ? item : EMPTY);
      if ("error" in decoded) malformed.push(decoded);
      else objects.push(decoded);
    }
    return {
      resourceVersion: identity(answer).resourceVersion,
      continue: typeof metadata["continue"] === "string" ? metadata["continue"] : "",
      objects,
      malformed,
    };
  }

  return {
    list,
    reader() {
      // JSON has no lengths: where an object ends is known when it is read.
      const parts: Uint8Array[] = [];
      return { push: (chunk) => void parts.push(chunk), end: () => list(concatenated(parts)) };
    },

    watchEvent(frame) {
      const event = parse(frame, "watch event");
      const object = isObject(event["object"]) ? event["object"] : EMPTY;
      switch (event["type"]) {
        case "ADDED":
        case "MODIFIED": {
          const decoded = decode(object);
          return "error" in decoded
            ? { type: "malformed", malformed: decoded }
            : { type: "upsert", object: decoded };
        }
        case "DELETED":
          return { type: "remove", ...identity(object) };
        case "BOOKMARK":
          return { type: "bookmark", resourceVersion: identity(object).resourceVersion };
        case "ERROR":
          return { type: "error", status: statusOf(object) };
        default:
          throw new WeirError(
            "WEIR_DECODE",
            `Cannot read watch event "${event["type"]}": its type is unknown`,
          );
      }
    },
  };
}
