/**
 * What the demo's processes say to each other, one JSON object a line.
 *
 * @module
 */
import * as v from "valibot";

const Port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));
const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const Milliseconds = v.pipe(v.number(), v.minValue(0));

/** Where a connection goes. */
export const TargetSchema = v.strictObject({
  protocol: v.picklist(["TCP", "UDP"]),
  address: v.string(),
  port: Port,
});

/** See {@linkcode TargetSchema}. */
export type Target = v.InferOutput<typeof TargetSchema>;

/**
 * How one connection ended: `answered` with the name of the backend, `refused` by a reset or an
 * ICMP error, `silent` until its time was over, or `failed` in another way. `ms` is how long it
 * took, in milliseconds.
 */
export const OutcomeSchema = v.variant("result", [
  v.strictObject({ result: v.literal("answered"), by: v.string(), ms: Milliseconds }),
  v.strictObject({ result: v.literal("refused"), ms: Milliseconds }),
  v.strictObject({ result: v.literal("silent"), ms: Milliseconds }),
  v.strictObject({ result: v.literal("failed"), why: v.string(), ms: Milliseconds }),
]);

/** See {@linkcode OutcomeSchema}. */
export type Outcome = v.InferOutput<typeof OutcomeSchema>;

/**
 * What an agent is asked: to connect `count` times one after the other or until one is
 * neither answered nor refused (`probe`), to open
 * `perSecond` connections a second to the targets in turn until told to stop (`stream`, `stop`),
 * to fetch a page (`get`), or to lead a unix socket to a TCP port of its own network (`bridge`).
 */
export const AgentRequestSchema = v.variant("type", [
  v.strictObject({
    type: v.literal("probe"),
    id: Count,
    target: TargetSchema,
    count: Count,
    timeoutMs: Milliseconds,
  }),
  v.strictObject({
    type: v.literal("stream"),
    targets: v.pipe(v.array(TargetSchema), v.minLength(1)),
    perSecond: v.pipe(v.number(), v.minValue(1)),
    timeoutMs: Milliseconds,
  }),
  v.strictObject({ type: v.literal("stop"), id: Count }),
  v.strictObject({ type: v.literal("get"), id: Count, url: v.string(), timeoutMs: Milliseconds }),
  v.strictObject({ type: v.literal("bridge"), id: Count, path: v.string(), port: Port }),
]);

/** See {@linkcode AgentRequestSchema}. */
export type AgentRequest = v.InferOutput<typeof AgentRequestSchema>;

/**
 * What an agent reports. `done` answers what has an `id` and no result of its own; `sample` is
 * one connection of a stream, begun at `startedAt` (milliseconds since the epoch).
 */
export const AgentReportSchema = v.variant("type", [
  v.strictObject({ type: v.literal("ready") }),
  v.strictObject({ type: v.literal("probed"), id: Count, outcomes: v.array(OutcomeSchema) }),
  v.strictObject({ type: v.literal("sample"), startedAt: v.number(), outcome: OutcomeSchema }),
  v.strictObject({ type: v.literal("got"), id: Count, status: Count, text: v.string() }),
  v.strictObject({ type: v.literal("done"), id: Count }),
  v.strictObject({ type: v.literal("failed"), id: Count, why: v.string() }),
]);

/** See {@linkcode AgentReportSchema}. */
export type AgentReport = v.InferOutput<typeof AgentReportSchema>;

/** Who connects where, in a table's row. */
const RowSchema = v.strictObject({ from: v.string(), target: TargetSchema });

/** A pod that joined or left a Service, and how long that took to show, in milliseconds. */
export const PodChangeSchema = v.strictObject({
  pod: v.string(),
  change: v.picklist(["joins", "leaves"]),
  /** Until the first answer of who joins, the last of who leaves; null when there was none. */
  afterMs: v.nullable(v.number()),
});

/** See {@linkcode PodChangeSchema}. */
export type PodChange = v.InferOutput<typeof PodChangeSchema>;

/** What the stage reports of the story, in its order; `ms` is how long a step took. */
export const StoryEventSchema = v.variant("type", [
  v.strictObject({ type: v.literal("built"), ms: Milliseconds, pods: v.array(v.string()) }),
  v.strictObject({
    type: v.literal("programmed"),
    ms: Milliseconds,
    services: v.array(v.string()),
    endpoints: Count,
  }),
  v.strictObject({
    type: v.literal("answered"),
    ms: Milliseconds,
    service: v.string(),
    each: Count,
    rows: v.array(v.strictObject({ ...RowSchema.entries, outcomes: v.array(OutcomeSchema) })),
  }),
  v.strictObject({
    type: v.literal("rejected"),
    ms: Milliseconds,
    service: v.string(),
    each: Count,
    rows: v.array(v.strictObject({ ...RowSchema.entries, outcomes: v.array(OutcomeSchema) })),
  }),
  v.strictObject({
    type: v.literal("scaling"),
    service: v.string(),
    perSecond: v.number(),
  }),
  v.strictObject({
    type: v.literal("scaled"),
    from: Count,
    to: Count,
    changes: v.array(PodChangeSchema),
  }),
  v.strictObject({
    type: v.literal("streamed"),
    ms: Milliseconds,
    connections: Count,
    failures: Count,
  }),
  v.strictObject({ type: v.literal("finished"), faults: v.array(v.string()) }),
  v.strictObject({ type: v.literal("broken"), why: v.string(), log: v.array(v.string()) }),
]);

/** See {@linkcode StoryEventSchema}. */
export type StoryEvent = v.InferOutput<typeof StoryEventSchema>;

/** What the stage is started with: its one argument, as JSON. */
export const StageOptionsSchema = v.strictObject({
  /** A folder for the manifests' copy and the unix sockets. */
  folder: v.string(),
  /** The folder of the manifests to copy. */
  manifests: v.string(),
  /** The command that runs weir, without flags. */
  weir: v.pipe(v.array(v.string()), v.minLength(1)),
  /** The path of the Deno program. */
  deno: v.string(),
});

/** See {@linkcode StageOptionsSchema}. */
export type StageOptions = v.InferOutput<typeof StageOptionsSchema>;

/**
 * Reads messages from a stream of lines.
 *
 * @param stream UTF-8, one JSON object a line.
 * @param schema What each line must be.
 * @returns The messages, until the stream ends.
 * @throws {SyntaxError} For a line that is not JSON.
 * @throws {v.ValiError} For a message of another shape.
 */
export async function* readMessages<
  const Schema extends v.GenericSchema,
>(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  schema: Schema,
): AsyncGenerator<v.InferOutput<Schema>> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield v.parse(schema, JSON.parse(line));
  }
}

/**
 * One message as a line.
 *
 * @param message Of any of this file's shapes.
 * @returns UTF-8, with the line feed.
 */
export function messageLine(
  message: AgentRequest | AgentReport | StoryEvent,
): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${JSON.stringify(message)}\n`);
}
