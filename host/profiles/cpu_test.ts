import assert from "node:assert/strict";
import { cpuSamples, durationsOf } from "./cpu.ts";
import type { Naming } from "./stack.ts";
import { timeline } from "./timeline.ts";
import type { CpuProfile } from "./v8.ts";

const naming: Naming = ({ functionName, url }) => ({ name: functionName, file: url, line: 0 });

function node(id: number, functionName: string, children: number[] = []) {
  return {
    id,
    callFrame: { functionName, url: "file:///a.ts", lineNumber: 0, columnNumber: 0 },
    children,
  };
}

/** main → work → deep, and main → work alone; the thread waits in between. */
const PROFILE: CpuProfile = {
  nodes: [
    node(1, "(root)", [2, 5]),
    node(2, "main", [3]),
    node(3, "work", [4]),
    node(4, "deep"),
    node(5, "(idle)"),
  ],
  startTime: 1_000_000,
  endTime: 1_060_000,
  samples: [4, 3, 5, 4],
  timeDeltas: [5_000, 10_000, 20_000, 15_000],
};

Deno.test("a sample lasts until the next one, the last one until the end", () => {
  assert.deepEqual(durationsOf(PROFILE), [10_000, 20_000, 15_000, 10_000]);
});

Deno.test("samples of one stack are added up, and the time that was waited is left out", () => {
  const told = cpuSamples(PROFILE, naming).map(({ stack, values }) => [
    stack.map(({ name }) => name).join(" < "),
    ...values,
  ]);
  assert.deepEqual(told, [
    ["deep < work < main", 2, 20_000_000],
    ["work < main", 1, 20_000_000],
  ]);
});

Deno.test("a clock that steps back takes no time away", () => {
  const profile = { ...PROFILE, timeDeltas: [5_000, 10_000, -2_000, 15_000] };
  assert.deepEqual(durationsOf(profile), [10_000, 0, 15_000, 32_000]);
});

Deno.test("a circle in a hostile answer ends", () => {
  const nodes = [node(1, "one", [2]), node(2, "two", [1])];
  const [sample] = cpuSamples({ ...PROFILE, nodes, samples: [2], timeDeltas: [0] }, naming);
  assert.equal(sample?.stack.length, 256);
});

Deno.test("samples of nodes that are not there are nobody's", () => {
  assert.deepEqual(cpuSamples({ ...PROFILE, nodes: [] }, naming), []);
});

Deno.test("a timeline has one slice for as long as a function is seen", () => {
  const { traceEvents } = JSON.parse(timeline(PROFILE, naming, "weir"));
  const slices = traceEvents.slice(1).map(
    ({ name, ts, dur }: { name: string; ts: number; dur: number }) => [name, ts, dur],
  );
  assert.deepEqual(slices, [
    ["deep", 5_000, 10_000],
    ["main", 5_000, 30_000],
    ["work", 5_000, 30_000],
    ["(idle)", 35_000, 15_000],
    ["main", 50_000, 10_000],
    ["work", 50_000, 10_000],
    ["deep", 50_000, 10_000],
  ]);
  assert.deepEqual(traceEvents[0].args, { name: "weir" });
});
