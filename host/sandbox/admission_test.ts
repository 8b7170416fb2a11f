import assert from "node:assert/strict";
import { LIMITS, type PluginMessage } from "../../schemas/wire.ts";
import { SimulatedClock } from "../simulated_clock.ts";
import { Admission } from "./admission.ts";

Deno.test("a plugin's new life brings no room for more metrics", () => {
  const series = new Set<string>();
  const limits = { ...LIMITS, metricSeries: 2 };
  const admits = (admission: Admission, name: string) => {
    const sample = { type: "metric", kind: "gauge", name, value: 1, labels: {} } as const;
    return admission.admitsMetric(sample satisfies PluginMessage);
  };
  const first = new Admission(limits, new SimulatedClock(), series);
  assert.deepEqual(["a", "b", "c"].map((name) => admits(first, name)), [true, true, false]);
  const second = new Admission(limits, new SimulatedClock(), series);
  assert.deepEqual(["c", "b", "a"].map((name) => admits(second, name)), [false, true, true]);
});

Deno.test("JSON is counted apart from bulk bytes, which cost the host less", async () => {
  const clock = new SimulatedClock();
  const limits = { ...LIMITS, headerBytesBurst: 64, headerBytesPerSecond: 64 };
  const admission = new Admission(limits, clock);
  const header = new TextEncoder().encode('{"type":"pong","id":1}'.padEnd(40));
  const send = (attachment: number) =>
    admission.count({ header, attachment: new Uint8Array(attachment) });
  send(1 << 20);
  assert.throws(() => send(0), /more than 64 bytes of JSON and 64 a second/);
  await clock.advance(1000);
  send(0);
});
