import assert from "node:assert/strict";
import { LIMITS } from "../../schemas/wire.ts";
import type { CapabilityAnswer } from "../capabilities/capability.ts";
import { SimulatedClock } from "../simulated_clock.ts";
import { Invocations } from "./invocations.ts";

/** Invocations of a capability whose answers, and a plugin whose reading, the test decides. */
function invocations(outstandingBytes: number) {
  const killed: string[] = [];
  const answered: string[] = [];
  const done: ((answer: CapabilityAnswer) => void)[] = [];
  const read: (() => void)[] = [];
  const capability = {
    invoke: () => new Promise<CapabilityAnswer>((resolve) => done.push(resolve)),
    close() {},
  };
  const running = new Invocations({
    capabilities: new Map([["nft", capability]]),
    limits: { ...LIMITS, outstandingBytes, outstandingInvokes: 3 },
    clock: new SimulatedClock(),
    observe: () => {},
    answer: (message) => {
      answered.push(`${message.type} ${message.id}`);
      return new Promise((resolve) => read.push(resolve));
    },
    kill: (code, reason) => void killed.push(`${code}: ${reason}`),
  });
  let id = 0;
  const invoke = (bytes: number) =>
    running.run(
      { type: "invoke", id: ++id, call: 1, capability: "nft", method: "m", params: {} },
      new Uint8Array(bytes),
      undefined,
    );
  return { invoke, done, read, killed, answered };
}

const settle = () => new Promise<void>((resolve) => setTimeout(resolve));

Deno.test("what a plugin sends is held against it until it has read the answer", async () => {
  const { invoke, done, read, killed, answered } = invocations(10);
  const first = invoke(6);
  done.shift()?.({ value: {} });
  await settle();
  assert.deepEqual(answered, ["result 1"]);
  read.shift()?.();
  await first;
  void invoke(6);
  assert.deepEqual(killed, [], "the first one's bytes are free again");
  void invoke(6);
  const reason = "more than 10 bytes of invocations are unanswered or unread";
  assert.deepEqual(killed, [`WEIR_PLUGIN_PROTOCOL: ${reason}`]);
});

Deno.test("answers that a plugin does not read are held against it too", async () => {
  const { invoke, done, killed, answered } = invocations(10);
  for (const attachment of [new Uint8Array(6), new Uint8Array(6)]) {
    void invoke(0);
    done.shift()?.({ value: {}, attachment });
    await settle();
  }
  assert.deepEqual(answered, ["result 1"]);
  assert.equal(killed.length, 1);
});

Deno.test("an invocation counts as unanswered until its answer was read", async () => {
  const { invoke, done, read, killed } = invocations(10);
  for (let count = 0; count < 3; count++) {
    void invoke(0);
    done.shift()?.({ value: {} });
  }
  await settle();
  read.shift()?.();
  await settle();
  void invoke(0);
  assert.deepEqual(killed, []);
  void invoke(0);
  assert.deepEqual(killed, ["WEIR_PLUGIN_PROTOCOL: more than 3 invocations are unanswered"]);
});
