import assert from "node:assert/strict";
import type { SourceEvent } from "../../../schemas/kube.ts";
import { recordingLog } from "../../../tests/kit/recording_log.ts";
import { SimulatedClock } from "../../simulated_clock.ts";
import { ApiError } from "./api_error.ts";
import type { ApiAnswer, ApiClient } from "./client.ts";
import { jsonDecoder } from "./decode_json.ts";
import { protobufDecoder } from "./decode_protobuf.ts";
import { Reflector } from "./reflector.ts";
import { resources } from "./resource.ts";
import { StringTable } from "./strings.ts";

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

const LIST = encode({
  kind: "NodeList",
  metadata: { resourceVersion: "7" },
  items: [{ metadata: { name: "node-a", resourceVersion: "5" } }],
});

/** Sends the chunks, then nothing: as a server that lost power. Ends when it is given up. */
async function* silentAfter(chunks: readonly Uint8Array[], signal: AbortSignal) {
  yield* chunks;
  await new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

async function* whole(...chunks: readonly Uint8Array[]) {
  yield* chunks;
}

type Answer = (signal: AbortSignal) => ApiAnswer["body"];

/** A reflector of this node's Node against a client whose lists are answered in this order. */
class Scene {
  readonly clock = new SimulatedClock(Date.UTC(2026, 0, 1));
  readonly events: SourceEvent[] = [];
  readonly recording = recordingLog();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly silences: string[] = [];
  lists = 0;

  constructor(answers: readonly Answer[]) {
    const client: Pick<ApiClient, "get"> = {
      get: async (path, signal) => {
        if (path.includes("watch=true")) {
          return { encoding: "json", date: "", body: silentAfter([], signal) };
        }
        const answer = answers[this.lists++];
        assert.ok(answer, "a list too many");
        return { encoding: "json", date: "", body: answer(signal) };
      },
    };
    const strings = new StringTable();
    const resource = resources("node-a").find(({ kind }) => kind === "Node");
    assert.ok(resource);
    this.#running = new Reflector({
      resource,
      client,
      decoders: { json: jsonDecoder("Node", strings), protobuf: protobufDecoder("Node", strings) },
      clock: this.clock,
      random: () => 0,
      log: this.recording.log,
      silent: (silence) => this.silences.push(silence?.reason ?? "over"),
      deliver: (events) => this.events.push(...events),
    }).run(this.#stop.signal);
  }

  warnings(): string[] {
    return this.recording.lines.filter(({ level }) => level === "warn").map((line) => line.message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}

Deno.test("a list that falls silent midway is given up after 70 s and made again", async () => {
  const half = LIST.subarray(0, 40);
  await using scene = new Scene([(signal) => silentAfter([half], signal), () => whole(LIST)]);
  await scene.clock.advance(69_000);
  assert.equal(scene.lists, 1);
  await scene.clock.advance(2_000);
  assert.match(scene.warnings().join(), /^Cannot read list "\/api\/v1\/nodes": .*70 s/);
  await scene.clock.advance(1_000);
  assert.deepEqual(scene.silences, [...scene.warnings(), "over"]);
  assert.deepEqual(scene.events.map(({ type }) => type), ["upsert", "synced"]);
});

Deno.test("a list that comes slowly but steadily is waited for", async () => {
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
  await using scene = new Scene([async function* () {
    for (let at = 0; at < LIST.length; at += 30) {
      yield LIST.subarray(at, at + 30);
      await new Promise<void>((resolve) => scene.clock.after(40_000, resolve));
    }
    finish();
  }]);
  for (let step = 0; step < 10; step++) await scene.clock.advance(40_000);
  await finished;
  await scene.clock.advance(0);
  assert.deepEqual(scene.events.map(({ type }) => type), ["upsert", "synced"]);
  assert.equal(scene.lists, 1);
});

Deno.test("no server can silence the proxy for longer than two minutes by Retry-After", async () => {
  const failure = { status: 503, reason: "", causes: [], retryAfter: 999_999_000 };
  await using scene = new Scene([
    () => {
      throw new ApiError("Cannot get: maintenance", failure);
    },
    () => whole(LIST),
  ]);
  await scene.clock.advance(119_000);
  assert.equal(scene.lists, 1);
  await scene.clock.advance(1_000);
  await scene.clock.advance(0);
  assert.deepEqual(scene.events.map(({ type }) => type), ["upsert", "synced"]);
});
