import assert from "node:assert/strict";
import { encodeFrame } from "../../schemas/frame.ts";
import { LIMITS } from "../../schemas/wire.ts";
import { SimulatedClock } from "../simulated_clock.ts";
import type { SandboxEvent } from "./event.ts";
import type { Exit, Sandbox } from "./process.ts";
import { supervisePlugin, type SupervisorOptions } from "./supervisor.ts";

const manifest = { kind: "proxier", name: "p", version: "1.0.0", api: 1, requires: {}, uses: {} };
const query = { ip: "10.0.0.1", port: 80, protocol: "TCP" } as const;

/** Lets streams and promises settle. */
const settle = () => new Promise<void>((resolve) => setTimeout(resolve));

/** A sandbox whose plugin says what the test lets it say. */
class ScriptedSandbox implements Sandbox {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  readonly flooded = new Promise<void>(() => {});
  readonly #exit: (exit: Exit) => void;
  readonly #received: ((bytes: Uint8Array) => void)[] = [];
  readonly #queue: Uint8Array[] = [];
  #wake: () => void = () => {};
  #gone = false;

  constructor(pid: number) {
    this.pid = pid;
    const { promise, resolve } = Promise.withResolvers<Exit>();
    this.exited = promise;
    this.#exit = resolve;
  }

  says(message: object): void {
    this.#queue.push(...encodeFrame(message));
    this.#wake();
  }

  /** Answers every call at once. */
  answering(): this {
    this.#received.push((bytes) => {
      const header = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
      const message = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + header)));
      if (message.type !== "call") return;
      this.says({ type: "ack", id: message.id });
      this.says({ type: "return", id: message.id, value: [] });
    });
    return this;
  }

  async fill(into: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer> | null> {
    while (this.#queue.length === 0) {
      if (this.#gone) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const bytes = this.#queue.shift() ?? new Uint8Array();
    into.set(bytes);
    return into.subarray(0, bytes.length);
  }

  write(bytes: Uint8Array): Promise<void> {
    for (const receive of this.#received) receive(bytes);
    return Promise.resolve();
  }

  dies(exit: Exit = { code: 1, signal: null }): void {
    this.#gone = true;
    this.#wake();
    this.#exit(exit);
  }

  end(): void {
    this.dies({ code: 0, signal: null });
  }

  kill(): void {
    this.dies({ code: 137, signal: "SIGKILL" });
  }

  stderr(): string {
    return "";
  }
}

function supervised(
  mode: SupervisorOptions["mode"],
  welcome: object = { type: "welcome", manifest },
  more: Pick<SupervisorOptions, "named"> = {},
) {
  const clock = new SimulatedClock();
  const sandboxes: ScriptedSandbox[] = [];
  const events: SandboxEvent[] = [];
  let ready = 0;
  const silent = () => {};
  const plugin = supervisePlugin({
    reference: "p",
    version: "0.1.0",
    node: { os: "linux", kernel: "6.18" },
    grant: () => ({ grants: {}, capabilities: new Map() }),
    limits: LIMITS,
    clock,
    log: { debug: silent, info: silent, warn: silent, error: silent },
    observe: (event) => events.push(event),
    mode,
    random: () => 1,
    start: () => {
      const sandbox = new ScriptedSandbox(sandboxes.length + 1).answering();
      sandboxes.push(sandbox);
      sandbox.says(welcome);
      return sandbox;
    },
    onReady: () => ready++,
    ...more,
  });
  const newest = () => {
    const sandbox = sandboxes.at(-1);
    assert.ok(sandbox !== undefined);
    return sandbox;
  };
  const states = () => events.filter((event) => event.type === "state").map((event) => event.state);
  return { plugin, clock, sandboxes, newest, events, states, ready: () => ready };
}

Deno.test("a warm plugin is started at once and told to be ready after every start", async () => {
  const { plugin, clock, newest, states, ready } = supervised("warm");
  assert.equal(plugin.state().type, "starting");
  await settle();
  assert.equal(plugin.state().type, "ready");
  assert.equal(ready(), 1);
  newest().dies();
  await settle();
  assert.equal(plugin.state().type, "waiting");
  await clock.advance(250);
  await settle();
  assert.equal(plugin.state().type, "ready");
  assert.equal(ready(), 2);
  assert.equal(plugin.restarts(), 1);
  assert.deepEqual(states(), ["starting", "ready", "waiting", "starting", "ready"]);
  await plugin.stop();
});

Deno.test("a plugin that dies five times in five minutes is parked after 21 s", async () => {
  const { plugin, clock, newest, sandboxes, events } = supervised("warm");
  for (const delayMs of [250, 1000, 4000, 16_000]) {
    await settle();
    newest().dies();
    await settle();
    const state = plugin.state();
    assert.ok(state.type === "waiting");
    assert.equal(state.delayMs, delayMs);
    await clock.advance(delayMs);
  }
  await settle();
  newest().dies();
  await settle();
  const state = plugin.state();
  assert.ok(state.type === "parked");
  assert.match(state.reason, /it died 5 times in 300 s, last: it ended by itself with exit code 1/);
  await clock.advance(3_600_000);
  assert.equal(sandboxes.length, 5, "it is not started again");
  await assert.rejects(plugin.call("explain", query), { code: "WEIR_PLUGIN_PARKED" });
  assert.equal(events.filter(({ type }) => type === "death").length, 5);
});

Deno.test("a call while the plugin waits for its next start rejects at once", async () => {
  const { plugin, newest } = supervised("warm");
  await settle();
  newest().dies({ code: 0, signal: "SIGKILL" });
  await settle();
  await assert.rejects(plugin.call("explain", query), {
    code: "WEIR_PLUGIN_DIED",
    message: 'Cannot explain by plugin "p": it is waiting: it was ended by SIGKILL',
  });
  await plugin.stop();
});

Deno.test("every pending call rejects when the plugin dies", async () => {
  const { plugin, newest, events } = supervised("warm");
  await settle();
  newest().write = () => Promise.resolve();
  const calls = [plugin.call("explain", query), plugin.call("explain", query)];
  await settle();
  newest().dies();
  for (const { reason } of await Promise.allSettled(calls) as PromiseRejectedResult[]) {
    assert.equal(reason.code, "WEIR_PLUGIN_DIED");
  }
  const outcomes = events.filter((event) => event.type === "call").map(({ outcome }) => outcome);
  assert.deepEqual(outcomes, ["WEIR_PLUGIN_DIED", "WEIR_PLUGIN_DIED"]);
  await plugin.stop();
});

Deno.test("a plugin that is refused is parked at the first try", async () => {
  const { plugin, sandboxes, clock } = supervised("warm", {
    type: "welcome",
    manifest: { ...manifest, api: 2 },
  });
  await settle();
  const state = plugin.state();
  assert.ok(state.type === "parked");
  assert.match(state.reason, /it speaks api 2, weir 0.1.0 speaks api 1; upgrade weir/);
  await clock.advance(3_600_000);
  assert.equal(sandboxes.length, 1);
});

Deno.test("a plugin's metrics are counted over all its lives", async () => {
  const { plugin, clock, newest, events } = supervised("warm");
  const samples = () => events.filter((event) => event.type === "metric").length;
  const says = (from: number) => {
    for (let count = 0; count < LIMITS.metricSeries; count++) {
      const name = `m${from + count}`;
      newest().says({ type: "metric", kind: "gauge", name, value: 1, labels: {} });
    }
  };
  await settle();
  says(0);
  await settle();
  newest().dies();
  await settle();
  await clock.advance(250);
  await settle();
  says(LIMITS.metricSeries);
  await settle();
  assert.equal(samples(), LIMITS.metricSeries);
  says(0);
  await settle();
  assert.equal(samples(), 2 * LIMITS.metricSeries, "those that are known go on");
  await plugin.stop();
});

Deno.test("a plugin on demand runs only while it is called", async () => {
  const { plugin, sandboxes, states } = supervised("on-demand");
  assert.equal(plugin.state().type, "idle");
  assert.equal(sandboxes.length, 0);
  assert.deepEqual(await plugin.call("explain", query), []);
  assert.equal(plugin.state().type, "idle");
  assert.deepEqual(await sandboxes[0]?.exited, { code: 0, signal: null });
  assert.deepEqual(
    await Promise.all([plugin.call("explain", query), plugin.call("explain", query)]),
    [[], []],
  );
  assert.equal(sandboxes.length, 2, "calls at the same time share a process");
  assert.deepEqual(states(), ["starting", "ready", "idle", "starting", "ready", "idle"]);
});

Deno.test("a stopped plugin is not started again, and stopping ends its process", async () => {
  const { plugin, sandboxes, clock, newest } = supervised("warm");
  await settle();
  await plugin.stop();
  assert.deepEqual(await newest().exited, { code: 0, signal: null });
  await clock.advance(3_600_000);
  assert.equal(sandboxes.length, 1);
  assert.equal(plugin.state().type, "stopped");
  await assert.rejects(plugin.call("explain", query), { code: "WEIR_PLUGIN_DIED" });
});

Deno.test("a plugin that is stopped while it waits is not started again", async () => {
  const { plugin, sandboxes, clock, newest } = supervised("warm");
  await settle();
  newest().dies();
  await settle();
  await plugin.stop();
  await clock.advance(3_600_000);
  assert.equal(sandboxes.length, 1);
});

Deno.test("an idle plugin is asked for a sign of life, and one that gives none is killed", async () => {
  const { plugin, clock, newest, events } = supervised("warm");
  const deaths = () => events.filter((event) => event.type === "death").map(({ reason }) => reason);
  await settle();
  const heard: string[] = [];
  newest().write = (bytes) => {
    heard.push(new TextDecoder().decode(bytes.subarray(8)));
    return Promise.resolve();
  };
  await clock.advance(LIMITS.heartbeatMs);
  assert.deepEqual(heard, ['{"type":"ping","id":1}']);
  newest().says({ type: "pong", id: 1 });
  await settle();
  await clock.advance(LIMITS.heartbeatMs);
  assert.equal(plugin.state().type, "ready");
  assert.deepEqual(deaths(), []);
  await clock.advance(LIMITS.heartbeatMs + LIMITS.ackMs);
  assert.deepEqual(deaths(), ["it hangs: no sign of life for 3000 ms"]);
  await plugin.stop();
});

Deno.test("what a plugin throws and says last is told where its places cannot be named, too", async () => {
  const { plugin, newest, states } = supervised("warm", undefined, {
    named: () =>
      Promise.reject(new TypeError("File URL path must not include encoded / characters")),
  });
  await settle();
  newest().write = () => Promise.resolve();
  const call = plugin.call("explain", query);
  await settle();
  newest().says({ type: "ack", id: 1 });
  const error = { code: "X", message: "no", stack: "at f (data:1:1)" };
  newest().says({ type: "throw", id: 1, error });
  await assert.rejects(call, { code: "WEIR_PLUGIN_FAILED", cause: error });
  newest().stderr = () => "at f (data:1:1)";
  newest().dies();
  await settle();
  const state = plugin.state();
  assert.ok(state.type === "waiting");
  assert.match(state.reason, /exit code 1; stderr: at f \(data:1:1\)$/);
  assert.deepEqual(states(), ["starting", "ready", "waiting"]);
  await plugin.stop();
});
