/**
 * What host and plugin say to each other, each message the header of one frame (see frame.ts).
 * What comes from a plugin is hostile until it has passed its schema; what comes from the host is
 * trusted by the plugin and only typed.
 *
 * @module
 */
import * as v from "valibot";
import type { CallMethod } from "./calls.ts";
import { MOST_RECONCILED_IDS } from "./conntrack.ts";
import type { Grants, NodeFeatures } from "./manifest.ts";
import { PluginManifestSchema } from "./manifest.ts";

/** The plugin API versions this wire speaks; a manifest's `api` must be one of them. */
export const API_VERSIONS: readonly number[] = [1];

/** The versions of each capability that this host has. */
export const CAPABILITY_VERSIONS: Readonly<Record<string, readonly number[]>> = {
  nft: [1],
  conntrack: [1],
  sysctl: [1],
  log: [1],
  metric: [1],
};

const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * Every limit of the sandbox in one place: what is declared here is enforced, has a test in
 * tests/hostile, and is shown on /configz.
 */
export const LIMITS = {
  /** Bytes of one frame from the host, its length word not counted. */
  hostFrameBytes: 256 * MIB,
  /** Bytes of one frame from a plugin: the commit of about a million set elements. */
  pluginFrameBytes: 64 * MIB,
  /** Bytes of the JSON header of a frame from a plugin; 256 KiB take the host some 20 ms. */
  pluginHeaderBytes: 256 * KIB,
  /** Bytes of headers a plugin may send per second, averaged. */
  headerBytesPerSecond: 4 * MIB,
  /** Bytes of headers it may send at once before the average counts. */
  headerBytesBurst: 16 * MIB,
  /** Bytes a plugin may send per second, averaged. */
  bytesPerSecond: 64 * MIB,
  /** Bytes it may send at once before the average counts. */
  bytesBurst: 256 * MIB,
  /** Frames a plugin may send per second, averaged. */
  framesPerSecond: 5_000,
  /** Frames it may send at once before the average counts. */
  framesBurst: 20_000,
  /** Invocations of capabilities that may be unanswered at once. */
  outstandingInvokes: 64,
  /** Bytes of their attachments and of answers that the plugin has not read yet. */
  outstandingBytes: 256 * MIB,
  /** Log lines per second, averaged; further ones are counted and dropped. */
  logLinesPerSecond: 100,
  /** Log lines at once before the average counts. */
  logLinesBurst: 500,
  /** Different metrics (name and labels) of one plugin in all its lives; further ones are dropped. */
  metricSeries: 200,
  /** Spans of one call that a plugin may tell of; further ones are counted and dropped. */
  spans: 128,
  /** Bytes of JSON in which it may do so, of one call. */
  spanBytes: 64 * KIB,
  /** Ids that one invocation of conntrack may name. */
  conntrackIds: MOST_RECONCILED_IDS,
  /** Milliseconds between two reconciliations of conntrack, at least. */
  conntrackRestMs: 100,
  /** And so many times as long as the last one took: it has at most a tenth of the time. */
  conntrackRestFactor: 9,
  /** Bytes a plugin may write to stderr per second, averaged. */
  stderrBytesPerSecond: 256 * KIB,
  /** Bytes it may write to stderr at once before the average counts. */
  stderrBytesBurst: 1 * MIB,
  /** Bytes of stderr that are kept for the report of a death. */
  stderrTailBytes: 4 * KIB,
  /** Milliseconds from the start of the process to its welcome. */
  handshakeMs: 10_000,
  /** Milliseconds without a sign of life, while one is owed and no handler runs. */
  ackMs: 3_000,
  /**
   * Milliseconds without a sign of life while a handler runs: a handler may compute for seconds
   * on a starved node, and killing it would only make it start over.
   */
  busyMs: 10_000,
  /** Milliseconds between two heartbeats of an idle plugin. */
  heartbeatMs: 10_000,
  /** Milliseconds a plugin has to end by itself once it is stopped. */
  stopMs: 1_000,
  /** Deaths within `deathWindowMs` after which a plugin is parked. */
  deaths: 5,
  /** Milliseconds for which a death counts. */
  deathWindowMs: 300_000,
  /** Bytes of heap, buffers and stacks (RLIMIT_DATA) of a plugin's process. */
  memoryBytes: 768 * MIB,
  /** MiB of JavaScript objects (V8's old space). */
  heapMib: 384,
  /** Milliseconds in which a plugin's process answers a command to V8's profilers. */
  inspectMs: 10_000,
  /** Bytes of such an answer: a profile; reading it takes the host some 100 ms. */
  inspectBytes: 4 * MIB,
  /** Seconds that a profile may last. */
  profileSeconds: 300,
  /** Bytes of a plugin's bundled text. */
  codeBytes: 16 * MIB,
  /** Milliseconds for each step of bundling a plugin, the download of its packages included. */
  bundleMs: 60_000,
} as const;

/** The type of {@linkcode LIMITS}, with any numbers: a test may pass smaller ones. */
export type Limits = { readonly [Name in keyof typeof LIMITS]: number };

/** The first message: what the host is and can do. */
export interface HelloMessage {
  readonly type: "hello";
  /** Plugin API versions that the host speaks. */
  readonly api: readonly number[];
  /** The host's version, for example `0.1.0`. */
  readonly host: string;
  /** Versions of each capability that the host has. */
  readonly capabilities: Readonly<Record<string, readonly number[]>>;
  /** What the node is and can do. */
  readonly node: NodeFeatures;
}

/** Ends the handshake: what the plugin may do. */
export interface GrantMessage {
  readonly type: "grant";
  readonly grants: Grants;
}

/** Asks for one run of a handler. */
export interface CallMessage {
  readonly type: "call";
  /** Counts the host's calls from 1. */
  readonly id: number;
  readonly method: CallMethod;
  /** JSON by the method, see calls.ts; service ports travel packed, see packing.ts. */
  readonly params: unknown;
  /** Milliseconds until the host gives up and kills the plugin. */
  readonly deadlineMs: number;
  /** W3C trace context of the sync this call belongs to. */
  readonly traceparent?: string;
}

/** Asks for a sign of life. */
export interface PingMessage {
  readonly type: "ping";
  readonly id: number;
}

/** Answers an invocation; its attachment is the capability's. */
export interface ResultMessage {
  readonly type: "result";
  /** The invocation's id. */
  readonly id: number;
  readonly value: unknown;
}

/** Refuses an invocation. */
export interface ErrorMessage {
  readonly type: "error";
  /** The invocation's id. */
  readonly id: number;
  /** An error code of errors.ts. */
  readonly code: string;
  readonly message: string;
  /** What the capability has to add, for example an `NftFailure`. */
  readonly data?: unknown;
}

/** Anything the host sends. */
export type HostMessage =
  | HelloMessage
  | GrantMessage
  | CallMessage
  | PingMessage
  | ResultMessage
  | ErrorMessage;

const Id = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const Text = v.pipe(v.string(), v.maxLength(8 * KIB));
const ShortText = v.pipe(v.string(), v.maxLength(128));
const Scalar = v.union([v.pipe(v.string(), v.maxLength(2 * KIB)), v.number(), v.boolean()]);
const Milliseconds = v.pipe(v.number(), v.finite(), v.minValue(0));
const MetricName = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9_]{0,63}$/));

/** Counts before anyone looks at each: a header has room for a hundred thousand entries. */
function atMost(entries: number) {
  return v.custom<object>(
    (input) => typeof input === "object" && input !== null && Object.keys(input).length <= entries,
    `must be an object of at most ${entries} entries`,
  );
}

/** A span that a plugin tells of; times are milliseconds since it had the call. */
const PluginSpanSchema = v.strictObject({
  /** Counts the call's spans from 1 in the order of their begin. */
  number: Id,
  /** The span that it is part of, if not of the handler as a whole. */
  parent: v.optional(Id),
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
  start: Milliseconds,
  end: Milliseconds,
  attributes: v.pipe(
    atMost(16),
    v.record(
      v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
      v.union([
        v.pipe(v.string(), v.maxLength(256)),
        v.pipe(v.number(), v.finite()),
        v.boolean(),
      ]),
    ),
  ),
  error: v.optional(v.pipe(v.string(), v.maxLength(256))),
});

/** The schema of {@linkcode PluginMessage}. */
export const PluginMessageSchema = v.variant("type", [
  v.strictObject({ type: v.literal("welcome"), manifest: PluginManifestSchema }),
  v.strictObject({ type: v.literal("refuse"), reason: Text }),
  v.strictObject({ type: v.literal("ack"), id: Id }),
  v.strictObject({
    type: v.literal("return"),
    id: Id,
    value: v.unknown(),
    spans: v.optional(v.literal(true)),
  }),
  v.strictObject({
    type: v.literal("throw"),
    id: Id,
    error: v.strictObject({ code: ShortText, message: Text, stack: Text }),
    spans: v.optional(v.literal(true)),
  }),
  v.strictObject({ type: v.literal("pong"), id: Id }),
  v.strictObject({
    type: v.literal("invoke"),
    id: Id,
    call: Id,
    capability: ShortText,
    method: ShortText,
    params: v.unknown(),
    span: v.optional(Id),
  }),
  v.strictObject({
    type: v.literal("spans"),
    call: Id,
    elapsed: Milliseconds,
    dropped: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
    spans: v.pipe(v.array(PluginSpanSchema), v.maxLength(LIMITS.spans)),
  }),
  v.strictObject({ type: v.literal("inspected"), id: Id, error: v.optional(Text) }),
  v.strictObject({
    type: v.literal("log"),
    level: v.picklist(["debug", "info", "warn", "error"]),
    message: Text,
    fields: v.pipe(atMost(32), v.record(v.pipe(v.string(), v.maxLength(64)), Scalar)),
  }),
  v.strictObject({
    type: v.literal("metric"),
    kind: v.picklist(["counter", "gauge"]),
    name: MetricName,
    value: v.pipe(v.number(), v.finite()),
    labels: v.pipe(atMost(4), v.record(MetricName, ShortText)),
  }),
]);

/**
 * Anything a plugin sends: `welcome` and `refuse` end the handshake's first half; `ack` (sent at
 * receipt, before the handler starts), then `return` or `throw` answer a call; `invoke` uses a
 * capability during call `call` and its span `span`, with bulk bytes as the frame's attachment;
 * `pong` answers `ping`; `inspected` comes from the bootstrap and answers an `InspectMessage` of
 * inspection.ts, with V8's answer as the attachment; `log`, `metric` and `spans` (those of call
 * `call` that are over, told `elapsed` milliseconds after the plugin had it) are answered by
 * nothing. The last spans of a call come after its answer, which says that they follow in the very
 * next frame: the sync goes on without them.
 */
export type PluginMessage = v.InferOutput<typeof PluginMessageSchema>;
