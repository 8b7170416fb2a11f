import assert from "node:assert/strict";
import type { IpFamily } from "../../schemas/kube.ts";
import { recordingLog } from "../../tests/kit/recording_log.ts";
import type { Forwarding } from "../capabilities/sysctl/readings.ts";
import { SimulatedClock } from "../simulated_clock.ts";
import { KernelWatch } from "./kernel_watch.ts";

/** A watch on a simulated clock over a kernel in variables. */
function stage() {
  const clock = new SimulatedClock();
  const { log, lines } = recordingLog();
  const kernel = {
    usage: { entries: 0, limit: 1_000 } as { entries: number; limit: number } | undefined,
    forwarding: { IPv4: "on", IPv6: "on" } as Record<IpFamily, Forwarding>,
    serves: new Set<IpFamily>(["IPv4", "IPv6"]),
  };
  const watch = new KernelWatch({
    usage: () => kernel.usage,
    forwarding: (family) => kernel.forwarding[family],
    serves: (family) => kernel.serves.has(family),
    clock,
    log,
  });
  const said = () =>
    lines.map(({ level, fields }): Record<string, unknown> => ({ level, ...fields }));
  return { clock, kernel, watch, lines, said };
}

Deno.test("a conntrack table that fills up is warned of once, and once more after it has had room", async () => {
  const { clock, kernel, watch, lines, said } = stage();
  watch.start();
  const levels: string[] = [];
  for (const entries of [0, 899, 900, 901, 1_000, 1_000, 899, 950, 801, 799, 0, 901]) {
    kernel.usage = { entries, limit: 1_000 };
    const before = lines.length;
    await clock.advance(10_000);
    levels.push(...lines.slice(before).map(({ level }) => `${entries} ${level}`));
  }
  assert.deepEqual(levels, ["901 warn", "799 info", "901 warn"]);
  assert.deepEqual(said()[0], { level: "warn", entries: 901, limit: 1_000, percent: 90 });
  assert.match(lines[0]?.message ?? "", /drops every new connection.*--conntrack-min/);
});

Deno.test("a table that is full at the start is warned of at once", () => {
  const { kernel, watch, lines } = stage();
  kernel.usage = { entries: 1_000, limit: 1_000 };
  watch.start();
  assert.equal(lines.length, 1);
});

Deno.test("without a table, and without a limit, nothing is full", async () => {
  const { clock, kernel, watch, lines } = stage();
  kernel.usage = undefined;
  watch.start();
  kernel.usage = { entries: 1_000_000, limit: 0 };
  await clock.advance(60_000);
  assert.deepEqual(lines, []);
});

Deno.test("where nothing is forwarded a family that has Services is warned of, with the remedy", async () => {
  const { clock, kernel, watch, lines, said } = stage();
  kernel.forwarding = { IPv4: "off", IPv6: "off" };
  kernel.serves.clear();
  watch.start();
  await clock.advance(60_000);
  assert.equal(lines.length, 0, "there is no Service yet");
  kernel.serves.add("IPv4");
  await clock.advance(60_000);
  assert.deepEqual(said(), [
    { level: "warn", ipFamily: "IPv4", sysctl: "net.ipv4.ip_forward" },
  ]);
  assert.match(lines[0]?.message ?? "", /sysctl -w net\.ipv4\.ip_forward=1/);
  kernel.serves.add("IPv6");
  await clock.advance(60_000);
  assert.equal(said()[1]?.["sysctl"], "net.ipv6.conf.all.forwarding");
});

Deno.test("forwarding that is switched off while weir runs is warned of each time", async () => {
  const { clock, kernel, watch, said } = stage();
  watch.start();
  for (const state of ["off", "off", "on", "on", "off"] as const) {
    kernel.forwarding.IPv4 = state;
    await clock.advance(10_000);
  }
  assert.deepEqual(said().map(({ level }) => level), ["warn", "info", "warn"]);
});

Deno.test("a family that the kernel does not have, or is not to use, is not missed", async () => {
  const { clock, kernel, watch, lines } = stage();
  for (const state of ["absent", "disabled"] as const) {
    kernel.forwarding.IPv6 = state;
    watch.start();
    await clock.advance(60_000);
  }
  assert.deepEqual(lines, []);
});

Deno.test("a family that is switched off after its forwarding was does not forward again", async () => {
  const { clock, kernel, watch, said } = stage();
  watch.start();
  for (const state of ["off", "disabled", "on", "off"] as const) {
    kernel.forwarding.IPv6 = state;
    await clock.advance(10_000);
  }
  assert.deepEqual(said().map(({ level }) => level), ["warn", "warn"]);
});

Deno.test("after the stop nothing is looked at", async () => {
  const { clock, kernel, watch, lines } = stage();
  watch.start();
  watch.stop();
  kernel.usage = { entries: 1_000, limit: 1_000 };
  await clock.advance(60_000);
  assert.deepEqual(lines, []);
});
