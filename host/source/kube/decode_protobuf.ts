/**
 * Reads protobuf answers: only the fields that are kept, everything else is skipped by its length.
 *
 * @module
 */
import { messageOf, WeirError } from "../../../schemas/errors.ts";
import type { KubeKind, KubeObject, SlicePort } from "../../../schemas/kube.ts";
import type { ApiStatus, Decoder, ListPage, Malformed, WatchEvent } from "./decoder.ts";
import { protobufIdentity } from "./protobuf_metadata.ts";
import { protobufNode } from "./protobuf_node.ts";
import { protobufService } from "./protobuf_service.ts";
import { protobufSlice } from "./protobuf_slice.ts";
import { objectError, portSharing } from "./slim.ts";
import { StringTable } from "./strings.ts";
import { sized, varint, WireCursor } from "./wire_cursor.ts";

/** Marks a protobuf body. Source: apimachinery `serializer/protobuf`. */
const MAGIC = [0x6b, 0x38, 0x73, 0x00];
const UNKNOWN = { typeMeta: sized(1), raw: sized(2) };
const TYPE_META = { kind: sized(2) };
const LIST = { metadata: sized(1), items: sized(2) };
const LIST_META = { resourceVersion: sized(2), continue: sized(3) };
const WATCH_EVENT = { type: sized(1), object: sized(2) };
const RAW_EXTENSION = { raw: sized(1) };
const STATUS = { message: sized(3), reason: sized(4), details: sized(5), code: varint(6) };
const DETAILS = { causes: sized(4), retryAfterSeconds: varint(5) };
const CAUSE = { reason: sized(1) };

/** A `runtime.Unknown`: what the object is, and where its bytes are. */
interface Envelope {
  readonly kind: string;
  readonly start: number;
  readonly end: number;
}

function envelope(cursor: WireCursor, end: number): Envelope {
  const start = cursor.position;
  if (MAGIC.some((byte, index) => cursor.bytes[start + index] !== byte)) {
    throw new RangeError("it does not begin with the mark k8s\\0");
  }
  cursor.position = start + MAGIC.length;
  let kind = "";
  let raw = { start: end, end };
  cursor.fields(end, (tag) => {
    if (tag === UNKNOWN.typeMeta) kind = cursor.only(TYPE_META.kind);
    else if (tag === UNKNOWN.raw) {
      const rawEnd = cursor.end();
      raw = { start: cursor.position, end: rawEnd };
      cursor.position = rawEnd;
    } else cursor.skip(tag);
  });
  cursor.position = raw.start;
  return { kind, ...raw };
}

function statusAt(cursor: WireCursor, end: number): ApiStatus {
  const status = { code: 0, reason: "", message: "", retryAfterSeconds: 0 };
  const causes: string[] = [];
  const takeDetail = (tag: number) => {
    if (tag === DETAILS.causes) causes.push(cursor.only(CAUSE.reason));
    else if (tag === DETAILS.retryAfterSeconds) status.retryAfterSeconds = cursor.integer();
    else cursor.skip(tag);
  };
  cursor.fields(end, (tag) => {
    if (tag === STATUS.message) status.message = cursor.text();
    else if (tag === STATUS.reason) status.reason = cursor.text();
    else if (tag === STATUS.code) status.code = cursor.integer();
    else if (tag === STATUS.details) cursor.fields(cursor.end(), takeDetail);
    else cursor.skip(tag);
  });
  return { ...status, causes };
}

/**
 * Reads a failure.
 *
 * @param body The body of an answer that is no success.
 * @returns The Status; without code and reason when it is none.
 */
export function protobufStatus(body: Uint8Array): ApiStatus {
  try {
    const cursor = new WireCursor(body, new StringTable());
    return statusAt(cursor, envelope(cursor, body.length).end);
  } catch (error) {
    return {
      code: 0,
      reason: "",
      message: `an answer that does not decode: ${messageOf(error)}`,
      causes: [],
      retryAfterSeconds: 0,
    };
  }
}

/** Runs a reader of bytes; whatever it throws means that they do not decode. */
function decoding<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new WeirError("WEIR_DECODE", `Cannot read ${what} "protobuf": ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * A decoder of protobuf answers about one kind.
 *
 * @param kind The kind.
 * @param strings Shares strings, also with other decoders.
 * @returns The decoder.
 */
export function protobufDecoder(kind: KubeKind, strings: StringTable): Decoder {
  const sharePorts = portSharing();
  return {
    list: (body) =>
      decoding(`list of ${kind}`, () => {
        const cursor = new WireCursor(body, strings);
        const opened = envelope(cursor, body.length);
        if (opened.kind !== `${kind}List`) throw new RangeError(`it is a ${opened.kind}`);
        return listAt(cursor, opened.end, kind, sharePorts);
      }),
    watchEvent: (frame) =>
      decoding("watch event", () => eventAt(new WireCursor(frame, strings), kind, sharePorts)),
  };
}

type SharePorts = (ports: readonly SlicePort[]) => readonly SlicePort[];

function listAt(
  cursor: WireCursor,
  end: number,
  kind: KubeKind,
  sharePorts: SharePorts,
): ListPage {
  let resourceVersion = "";
  let token = "";
  const objects: KubeObject[] = [];
  const malformed: Malformed[] = [];
  const takeMetadata = (tag: number) => {
    if (tag === LIST_META.resourceVersion) resourceVersion = cursor.text();
    else if (tag === LIST_META.continue) token = cursor.text();
    else cursor.skip(tag);
  };
  cursor.fields(end, (tag) => {
    if (tag === LIST.metadata) cursor.fields(cursor.end(), takeMetadata);
    else if (tag === LIST.items) {
      const decoded = objectAt(cursor, cursor.end(), kind, sharePorts);
      if ("error" in decoded) malformed.push(decoded);
      else objects.push(decoded);
    } else cursor.skip(tag);
  });
  return { resourceVersion, continue: token, objects, malformed };
}

/** Reads an object; the cursor stands after it in any case, so that the next one can be read. */
function objectAt(
  cursor: WireCursor,
  end: number,
  kind: KubeKind,
  sharePorts: SharePorts,
): KubeObject | Malformed {
  const start = cursor.position;
  try {
    switch (kind) {
      case "Service":
        return protobufService(cursor, end);
      case "EndpointSlice":
        return protobufSlice(cursor, end, sharePorts);
      case "Node":
        return protobufNode(cursor, end);
    }
  } catch (thrown) {
    cursor.position = start;
    const identity = protobufIdentity(cursor, end);
    cursor.position = end;
    return { ...identity, error: objectError(kind, identity, thrown) };
  }
}

function eventAt(cursor: WireCursor, kind: KubeKind, sharePorts: SharePorts): WatchEvent {
  let type = "";
  let object: Envelope = { kind: "", start: 0, end: 0 };
  const takeObject = (tag: number) => {
    if (tag !== RAW_EXTENSION.raw) return cursor.skip(tag);
    const end = cursor.end();
    object = envelope(cursor, end);
    cursor.position = end;
  };
  cursor.fields(cursor.bytes.length, (tag) => {
    if (tag === WATCH_EVENT.type) type = cursor.text();
    else if (tag === WATCH_EVENT.object) cursor.fields(cursor.end(), takeObject);
    else cursor.skip(tag);
  });
  cursor.position = object.start;
  switch (type) {
    case "ADDED":
    case "MODIFIED": {
      const decoded = objectAt(cursor, object.end, kind, sharePorts);
      return "error" in decoded
        ? { type: "malformed", malformed: decoded }
        : { type: "upsert", object: decoded };
    }
    case "DELETED":
      return { type: "remove", ...protobufIdentity(cursor, object.end) };
    case "BOOKMARK":
      return {
        type: "bookmark",
        resourceVersion: protobufIdentity(cursor, object.end).resourceVersion,
      };
    case "ERROR":
      return { type: "error", status: statusAt(cursor, object.end) };
    default:
      throw new RangeError(`its type "${type}" is unknown`);
  }
}
