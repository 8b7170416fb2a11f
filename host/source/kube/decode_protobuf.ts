/**
 * Reads protobuf answers: only the fields that are kept, everything else is skipped by its length.
 *
 * @module
 */
import { messageOf } from "../../../schemas/errors.ts";
import type { KubeKind } from "../../../schemas/kube.ts";
import type { ApiStatus, Decoder, WatchEvent } from "./decoder.ts";
import { ProtobufListReader } from "./protobuf_list.ts";
import { protobufIdentity } from "./protobuf_metadata.ts";
import { protobufObject, type SharePorts } from "./protobuf_object.ts";
import { portSharing } from "./slim.ts";
import { StringTable } from "./strings.ts";
import { decoding, KIND, sized, UNKNOWN, varint, WireCursor } from "./wire_cursor.ts";

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
  cursor.mark();
  let kind = "";
  let raw = { start: end, end };
  cursor.fields(end, (tag) => {
    if (tag === UNKNOWN.typeMeta) kind = cursor.only(KIND);
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

/**
 * A decoder of protobuf answers about one kind.
 *
 * @param kind The kind.
 * @param strings Shares strings, also with other decoders.
 * @returns The decoder.
 */
export function protobufDecoder(kind: KubeKind, strings: StringTable): Decoder {
  const sharePorts = portSharing();
  const reader = () => new ProtobufListReader({ kind, strings, sharePorts });
  return {
    reader,
    list(body) {
      const whole = reader();
      whole.push(body);
      return whole.end();
    },
    watchEvent: (frame) =>
      decoding("watch event", () => eventAt(new WireCursor(frame, strings), kind, sharePorts)),
  };
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
      const decoded = protobufObject(cursor, object.end, kind, sharePorts);
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
