/**
 * OTLP's messages for traces, decoded strictly. Names, numbers and types are those of
 * opentelemetry-proto v1: trace, common, resource and the collector's trace service.
 *
 * @module
 */
import {
  create,
  createFileRegistry,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  toJson,
} from "@bufbuild/protobuf";
import {
  DescriptorProtoSchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  OneofDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";

const PACKAGE = "otlp";

/**
 * Each field as `number name type`, `*` for repeated ones, `?` for those of the message's oneof.
 * Enums are int32, as they are on the wire and, in OTLP's JSON, in text.
 */
const MESSAGES: Readonly<Record<string, readonly string[]>> = {
  Request: ["1 resource_spans ResourceSpans*"],
  ResourceSpans: ["1 resource Resource", "2 scope_spans ScopeSpans*", "3 schema_url string"],
  Resource: ["1 attributes KeyValue*", "2 dropped_attributes_count uint32"],
  ScopeSpans: ["1 scope Scope", "2 spans Span*", "3 schema_url string"],
  Scope: [
    "1 name string",
    "2 version string",
    "3 attributes KeyValue*",
    "4 dropped_attributes_count uint32",
  ],
  Span: [
    "1 trace_id bytes",
    "2 span_id bytes",
    "3 trace_state string",
    "4 parent_span_id bytes",
    "5 name string",
    "6 kind int32",
    "7 start_time_unix_nano fixed64",
    "8 end_time_unix_nano fixed64",
    "9 attributes KeyValue*",
    "10 dropped_attributes_count uint32",
    "11 events Event*",
    "12 dropped_events_count uint32",
    "13 links Link*",
    "14 dropped_links_count uint32",
    "15 status Status",
    "16 flags fixed32",
  ],
  Event: [
    "1 time_unix_nano fixed64",
    "2 name string",
    "3 attributes KeyValue*",
    "4 dropped_attributes_count uint32",
  ],
  Link: [
    "1 trace_id bytes",
    "2 span_id bytes",
    "3 trace_state string",
    "4 attributes KeyValue*",
    "5 dropped_attributes_count uint32",
    "6 flags fixed32",
  ],
  Status: ["2 message string", "3 code int32"],
  KeyValue: ["1 key string", "2 value AnyValue"],
  AnyValue: [
    "1 string_value string?",
    "2 bool_value bool?",
    "3 int_value int64?",
    "4 double_value double?",
    "5 array_value ArrayValue?",
    "6 kvlist_value KeyValueList?",
    "7 bytes_value bytes?",
  ],
  ArrayValue: ["1 values AnyValue*"],
  KeyValueList: ["1 values KeyValue*"],
};

const SCALARS: Readonly<Record<string, FieldDescriptorProto_Type>> = {
  string: FieldDescriptorProto_Type.STRING,
  bytes: FieldDescriptorProto_Type.BYTES,
  bool: FieldDescriptorProto_Type.BOOL,
  int32: FieldDescriptorProto_Type.INT32,
  int64: FieldDescriptorProto_Type.INT64,
  uint32: FieldDescriptorProto_Type.UINT32,
  fixed32: FieldDescriptorProto_Type.FIXED32,
  fixed64: FieldDescriptorProto_Type.FIXED64,
  double: FieldDescriptorProto_Type.DOUBLE,
};

function camel(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

function field(text: string) {
  const [number = "", name = "", type = ""] = text.split(" ");
  const word = type.replace(/[*?]$/, "");
  const scalar = SCALARS[word];
  return create(FieldDescriptorProtoSchema, {
    name,
    jsonName: camel(name),
    number: Number(number),
    label: type.endsWith("*")
      ? FieldDescriptorProto_Label.REPEATED
      : FieldDescriptorProto_Label.OPTIONAL,
    type: scalar ?? FieldDescriptorProto_Type.MESSAGE,
    ...(scalar === undefined ? { typeName: `.${PACKAGE}.${word}` } : {}),
    ...(type.endsWith("?") ? { oneofIndex: 0 } : {}),
  });
}

function requestDescriptor(): DescMessage {
  const file = create(FileDescriptorProtoSchema, {
    name: "otlp.proto",
    package: PACKAGE,
    syntax: "proto3",
    messageType: Object.entries(MESSAGES).map(([name, fields]) =>
      create(DescriptorProtoSchema, {
        name,
        field: fields.map(field),
        oneofDecl: fields.some((text) => text.endsWith("?"))
          ? [create(OneofDescriptorProtoSchema, { name: "value" })]
          : [],
      })
    ),
  });
  const found = createFileRegistry(file, () => undefined).getMessage(`${PACKAGE}.Request`);
  if (found === undefined) throw new Error("the table of messages has no Request");
  return found;
}

const REQUEST = requestDescriptor();

/** Fields whose number no message has; protobuf passes over them. */
function refuseUnknown(message: unknown, path: string): void {
  if (Array.isArray(message)) {
    message.forEach((each, index) => refuseUnknown(each, `${path}[${index}]`));
  } else if (typeof message === "object" && message !== null && !(message instanceof Uint8Array)) {
    if ("$unknown" in message) throw new Error(`${path} has a field that OTLP has not`);
    for (const [name, value] of Object.entries(message)) refuseUnknown(value, `${path}.${name}`);
  }
}

/** An attribute's value. */
export type ReceivedValue = string | number | boolean;

/** Attributes by name. */
export type ReceivedAttributes = Readonly<Record<string, ReceivedValue>>;

/** A span as a collector has it; times are milliseconds since the epoch. */
export interface ReceivedSpan {
  readonly resource: ReceivedAttributes;
  readonly scope: { readonly name: string; readonly version: string };
  readonly traceId: string;
  readonly spanId: string;
  /** "" for a root. */
  readonly parentId: string;
  readonly name: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attributes: ReceivedAttributes;
  readonly events: readonly {
    readonly name: string;
    readonly at: number;
    readonly attributes: ReceivedAttributes;
  }[];
  readonly links: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly attributes: ReceivedAttributes;
  }[];
  /** Of the status: its message when its code is that of an error. */
  readonly error: string | undefined;
  /** How much its sender says it has left out. */
  readonly dropped: {
    readonly attributes: number;
    readonly events: number;
    readonly links: number;
  };
}

type JsonObject = { readonly [name: string]: JsonValue };

function objectOf(value: JsonValue | undefined): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error(`${JSON.stringify(value)} is no object`);
  }
  return value;
}

function listOf(value: JsonValue | undefined): readonly JsonObject[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new Error(`${JSON.stringify(value)} is no list`);
  return value.map((each) => objectOf(each));
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function timeOf(value: JsonValue | undefined): number {
  const nanoseconds = BigInt(textOf(value));
  if (nanoseconds <= 0n) throw new Error("a time is not set");
  return Number(nanoseconds) / 1e6;
}

function attributesOf(list: JsonValue | undefined): ReceivedAttributes {
  const entries = listOf(list).map(({ key, value }) => {
    const [[kind, inner] = ["", ""], ...more] = Object.entries(objectOf(value));
    if (more.length > 0) throw new Error(`the attribute ${textOf(key)} has several values`);
    if (kind === "intValue") return [textOf(key), Number(inner)] as const;
    if (typeof inner !== "string" && typeof inner !== "number" && typeof inner !== "boolean") {
      throw new Error(`the attribute ${textOf(key)} has a value of kind ${kind}`);
    }
    return [textOf(key), inner] as const;
  });
  const names = new Set(entries.map(([name]) => name));
  if (names.size < entries.length || names.has("")) throw new Error("an attribute is there twice");
  return Object.fromEntries(entries);
}

type ReadId = (value: JsonValue | undefined, bytes: number) => string;

function idReader(form: "protobuf" | "json"): ReadId {
  return (value, bytes) => {
    const text = textOf(value);
    // OTLP's JSON has ids in hexadecimal digits and not in base64: read as base64 and written
    // again, they are what they were.
    const id = form === "json" ? text : Uint8Array.fromBase64(text).toHex();
    if (!/^([0-9a-f]{2})+$/.test(id) || id.length !== 2 * bytes || /^0+$/.test(id)) {
      throw new Error(`"${id}" is no id of ${bytes} bytes`);
    }
    return id;
  };
}

function spansOf(request: JsonValue, readId: ReadId): ReceivedSpan[] {
  return listOf(objectOf(request)["resourceSpans"]).flatMap(({ resource, scopeSpans }) =>
    listOf(scopeSpans).flatMap(({ scope, spans }) =>
      listOf(spans).map((span): ReceivedSpan => {
        const status = span["status"] === undefined ? {} : objectOf(span["status"]);
        const parent = textOf(span["parentSpanId"]);
        return {
          resource: attributesOf(objectOf(resource)["attributes"]),
          scope: {
            name: textOf(objectOf(scope)["name"]),
            version: textOf(objectOf(scope)["version"]),
          },
          traceId: readId(span["traceId"], 16),
          spanId: readId(span["spanId"], 8),
          parentId: parent === "" ? "" : readId(parent, 8),
          name: textOf(span["name"]),
          startedAt: timeOf(span["startTimeUnixNano"]),
          endedAt: timeOf(span["endTimeUnixNano"]),
          attributes: attributesOf(span["attributes"]),
          events: listOf(span["events"]).map((event) => ({
            name: textOf(event["name"]),
            at: timeOf(event["timeUnixNano"]),
            attributes: attributesOf(event["attributes"]),
          })),
          links: listOf(span["links"]).map((link) => ({
            traceId: readId(link["traceId"], 16),
            spanId: readId(link["spanId"], 8),
            attributes: attributesOf(link["attributes"]),
          })),
          error: status["code"] === 2 ? textOf(status["message"]) : undefined,
          dropped: {
            attributes: Number(span["droppedAttributesCount"] ?? 0),
            events: Number(span["droppedEventsCount"] ?? 0),
            links: Number(span["droppedLinksCount"] ?? 0),
          },
        };
      })
    )
  );
}

/**
 * Decodes the body of an export request.
 *
 * @param body The body, uncompressed.
 * @param contentType What its sender says it is.
 * @returns All spans.
 * @throws {Error} When anything in it is not as OTLP has it.
 */
export function decodeRequest(body: Uint8Array, contentType: string): ReceivedSpan[] {
  if (contentType === "application/x-protobuf") {
    const message = fromBinary(REQUEST, body);
    refuseUnknown(message, "request");
    return spansOf(toJson(REQUEST, message), idReader("protobuf"));
  }
  if (contentType === "application/json") {
    const json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    const message = fromJson(REQUEST, json, { ignoreUnknownFields: false });
    return spansOf(toJson(REQUEST, message), idReader("json"));
  }
  throw new Error(`"${contentType}" is no content type of OTLP`);
}
