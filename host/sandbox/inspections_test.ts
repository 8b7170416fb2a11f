import assert from "node:assert/strict";
import { FrameReader } from "../../schemas/frame.ts";
import { SimulatedClock } from "../simulated_clock.ts";
import { Inspections } from "./inspections.ts";

const LIMITS = { inspectMs: 1_000, inspectBytes: 64 };
const encoder = new TextEncoder();

function start(inspectable = true) {
  const clock = new SimulatedClock();
  const frames: Uint8Array[] = [];
  const inspections = new Inspections({
    plugin: "mine",
    inspectable,
    limits: LIMITS,
    clock,
    write: (frame) => frames.push(frame),
  });
  return { clock, frames, inspections };
}

Deno.test("a command travels without a header, and its answer is what V8 said", async () => {
  const { frames, inspections } = start();
  const answer = inspections.post("Profiler.setSamplingInterval", { interval: 100 });
  const [bytes = new Uint8Array()] = frames;
  const reader = new FrameReader(async (into) => {
    into.set(bytes);
    return into.subarray(0, bytes.length);
  }, { frameBytes: 1000, headerBytes: 1000 });
  const frame = await reader.next();
  assert.equal(frame?.header.length, 0);
  assert.deepEqual(JSON.parse(new TextDecoder().decode(frame?.attachment)), {
    id: 1,
    method: "Profiler.setSamplingInterval",
    params: { interval: 100 },
    most: 64,
  });
  assert.equal(inspections.settle({ type: "inspected", id: 1 }, encoder.encode('{"a":1}')), true);
  assert.deepEqual(await answer, { a: 1 });
});

const REFUSALS: readonly (readonly [string, string | undefined, string, RegExp])[] = [
  ["a refusal", "V8 says no", "", /^Cannot profile "mine": V8 says no$/],
  ["too much", undefined, `"${"x".repeat(64)}"`, /its profile has 66 bytes, the limit is 64$/],
  ["no JSON", undefined, "{", /its answer is no JSON: /],
];

for (const [what, error, attachment, message] of REFUSALS) {
  Deno.test(`${what} ends the profile and nothing else`, async () => {
    const { inspections } = start();
    const answer = inspections.post("Profiler.stop", {});
    const said = { type: "inspected", id: 1, ...(error === undefined ? {} : { error }) } as const;
    assert.equal(inspections.settle(said, encoder.encode(attachment)), true);
    await assert.rejects(answer, { code: "WEIR_PROFILE", message });
  });
}

Deno.test("an answer that does not come is given up, and none is asked for until it has come", async () => {
  const { clock, frames, inspections } = start();
  const blocked = { code: "WEIR_PROFILE", message: /no answer within 1000 ms, so its thread is/ };
  const answer = assert.rejects(inspections.post("Profiler.start", {}), blocked);
  await clock.advance(1_000);
  await answer;
  await assert.rejects(inspections.post("Profiler.stop", {}), blocked);
  assert.equal(frames.length, 1);
  assert.equal(inspections.settle({ type: "inspected", id: 1 }, encoder.encode("{}")), true);
  const next = inspections.post("Profiler.stop", {});
  assert.equal(inspections.settle({ type: "inspected", id: 2 }, encoder.encode("{}")), true);
  assert.deepEqual(await next, {});
});

Deno.test("an answer that nobody asked for, or a second one, is told from those that are due", async () => {
  const { inspections } = start();
  assert.equal(inspections.settle({ type: "inspected", id: 1 }, new Uint8Array()), false);
  const answer = inspections.post("Profiler.stop", {});
  assert.equal(inspections.settle({ type: "inspected", id: 1 }, encoder.encode("{}")), true);
  assert.equal(inspections.settle({ type: "inspected", id: 1 }, encoder.encode("{}")), false);
  await answer;
});

Deno.test("the end of the process ends what is asked, and what would be", async () => {
  const { inspections } = start();
  const gone = { code: "WEIR_PROFILE", message: /^Cannot profile "mine": it hangs$/ };
  const answer = assert.rejects(inspections.post("Profiler.stop", {}), gone);
  inspections.end("it hangs");
  await answer;
  await assert.rejects(inspections.post("Profiler.stop", {}), gone);
});

Deno.test("a process that was started without --profiling is not asked", async () => {
  const { frames, inspections } = start(false);
  await assert.rejects(inspections.post("Profiler.stop", {}), /started without --profiling/);
  assert.deepEqual(frames, []);
});
