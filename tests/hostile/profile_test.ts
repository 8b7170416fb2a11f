import assert from "node:assert/strict";
import { systemClock } from "../../host/clock.ts";
import { formatProfile } from "../../host/profiles/pprof.ts";
import { Profiler } from "../../host/profiles/profiler.ts";
import { bundleNaming } from "../../host/profiles/stack.ts";
import { Origins } from "../../host/sandbox/origins.ts";
import { hostileCode, type HostileOptions, runHostile } from "./sandbox.ts";

const code = await hostileCode("handlers.ts");
const sources = (await Deno.readTextFile(new URL("./plugins/handlers.ts", import.meta.url)))
  .split("\n");
const snapshot = {
  revision: 1,
  settings: {
    families: ["IPv4", "IPv6"] as const,
    masqueradeAll: false,
    masqueradeBit: 14,
    localMatches: [],
    nodePorts: { type: "listed" as const, addresses: [] },
    serviceCIDRs: [],
  },
  ports: [],
};
const never = new AbortController().signal;

/** A hostile plugin of a weir that was started with --profiling, and who profiles it. */
async function runProfiled(attack: string, limits: HostileOptions["limits"] = {}) {
  const hostile = await runHostile(code, { attack, limits, inspectable: true });
  await hostile.ready;
  const origins = new Origins("hostile", code, new URL("../../", import.meta.url));
  const profiler = new Profiler({
    subject: "hostile",
    open: async () => ({ post: (method, params) => hostile.plugin.inspect(method, params) }),
    naming: async () => bundleNaming(await origins.read()),
    clock: systemClock,
  });
  return {
    hostile,
    profiler,
    attack: () => hostile.plugin.call("resync", snapshot),
    [Symbol.asyncDispose]: () => hostile[Symbol.asyncDispose](),
  };
}

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ["opens an inspector", /Requires sys access/],
  ["listens at an inspector", /Requires|NotCapable|not permitted/i],
  ["asks who it is", /Requires sys access/],
  ["reads a file", /Requires read access/],
  ["imports a file", /Requires read access/],
  ["looks for globals", /found nothing/],
];

for (const [attack, state] of REFUSED) {
  Deno.test(`a plugin that may be profiled and ${attack} is refused as any other`, async () => {
    await using profiled = await runProfiled(attack);
    await assert.rejects(profiled.attack(), state);
  });
}

Deno.test("a CPU profile of a plugin shows the function that was busy, in the file it came from", async () => {
  await using profiled = await runProfiled("grinds");
  const profiling = profiled.profiler.cpu(1, never);
  await profiled.attack();
  const shown = formatProfile("profile", await profiling);
  const [, top = ""] = shown.split("\n\n");
  // V8 may have put the one function into the other.
  const busy = /handlers\.grind(s|BetweenAwaits)\ttests\/hostile\/plugins\/handlers\.ts:(\d+)$/m;
  const [, , line] = busy.exec(top) ?? [];
  assert.match(sources[Number(line) - 1] ?? "", /grind/, shown);
});

Deno.test("a heap profile of a plugin shows who keeps objects", async () => {
  await using profiled = await runProfiled("hoards");
  await profiled.profiler.watchHeap();
  await profiled.attack();
  const shown = formatProfile("heap", await profiled.profiler.heap(true));
  assert.match(shown, /handlers\.hoardForGood\ttests\/hostile\/plugins\/handlers\.ts:\d+$/m);
  // 300,000 of three parts each, of which V8 may allocate some together.
  const counts = [...shown.matchAll(/^(\d+) \d+ @\n#\t\S+hoardForGood\t/gm)].map(([, n]) =>
    Number(n)
  );
  const objects = counts.reduce((sum, count) => sum + count, 0);
  assert.ok(objects > 250_000 && objects < 1_100_000, shown);
});

for (const attack of ["forges commands", "forges commands by toJSON"]) {
  Deno.test(`a plugin that ${attack} is found out: they are not carried out`, async () => {
    await using profiled = await runProfiled(attack);
    const { plugin } = profiled.hostile;
    await profiled.attack();
    const state = /the plugin has changed Object\.prototype/;
    await assert.rejects(profiled.profiler.cpu(1, never), state);
    const [answer] = await plugin.call("explain", { ip: "10.0.0.1", port: 80, protocol: "TCP" });
    assert.equal(answer?.outcome, "alive");
  });
}

Deno.test("a plugin that floods while it is profiled dies of that, and the profile says so", async () => {
  await using profiled = await runProfiled("floods frames");
  const profiling = assert.rejects(profiled.profiler.cpu(20, never), {
    code: "WEIR_PROFILE",
    message: /Cannot profile "hostile": /,
  });
  await assert.rejects(profiled.attack(), { code: "WEIR_PLUGIN_PROTOCOL" });
  await profiled.hostile.until(() => profiled.hostile.plugin.state().type === "waiting");
  await profiling;
});

Deno.test("a plugin that hangs while it is profiled dies of that, and the profile says so", async () => {
  await using profiled = await runProfiled("spins forever", { ackMs: 300, busyMs: 900 });
  const profiling = assert.rejects(profiled.profiler.cpu(2, never), {
    code: "WEIR_PROFILE",
    message: /Cannot profile "hostile": /,
  });
  await assert.rejects(profiled.attack(), { code: "WEIR_PLUGIN_TIMEOUT" });
  await profiling;
});

Deno.test("a plugin that is blocked is given up by who profiles it, and lives on", async () => {
  await using profiled = await runProfiled("grinds", { inspectMs: 1 });
  const attacking = profiled.attack();
  const state = /no answer within 1 ms, so its thread is blocked/;
  await assert.rejects(profiled.profiler.cpu(0.1, never), state);
  await attacking;
  assert.equal(profiled.hostile.plugin.state().type, "ready");
});

Deno.test("a plugin whose profile is too large is not profiled, and lives on", async () => {
  await using profiled = await runProfiled("makes long names", { busyMs: 60_000 });
  const attacking = profiled.attack();
  attacking.catch(() => {});
  const profiling = profiled.profiler.cpu(2, never);
  await assert.rejects(profiling, /it has \d+ bytes, the limit is 4194304/);
  await attacking;
  assert.equal(profiled.hostile.plugin.state().type, "ready");
});

Deno.test("a plugin of a weir that does not profile has nobody to ask", async () => {
  await using hostile = await runHostile(code, { attack: "nothing" });
  await hostile.ready;
  await assert.rejects(hostile.plugin.inspect("Profiler.enable"), /without --profiling/);
});
