import assert from "node:assert/strict";
import type { WeirConfig } from "../../schemas/config.ts";
import { WeirError } from "../../schemas/errors.ts";
import { resolveRequest } from "../config/resolve.ts";
import { SimulatedClock } from "../simulated_clock.ts";
import { createLog } from "../telemetry/log.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { Reloader, type Resolution } from "./reloader.ts";

async function usable(...args: string[]): Promise<Extract<Resolution, { type: "usable" }>> {
  const request = await resolveRequest(args, { hostname: () => "here" });
  assert.ok(request.type === "proxy", JSON.stringify(request));
  return { type: "usable", config: request.config, warnings: [] };
}

const FAULTY: Resolution = {
  type: "faulty",
  problems: [
    new WeirError("WEIR_CONFIG_INVALID", 'Cannot use field "a": no'),
    new WeirError("WEIR_CONFIG_INVALID", 'Cannot use field "b": neither'),
  ],
};

/** A reloader that was started with the defaults, and whatever its file says. */
async function stage(...flags: string[]) {
  const start = await usable(...flags);
  const clock = new SimulatedClock(1_000_000);
  const lines: string[] = [];
  const registry = createMetrics({
    version: "0",
    platform: "linux/amd64",
    runtime: "deno",
    startedAt: 0,
    usage: () => ({ residentBytes: 0, cpuSeconds: 0 }),
  });
  const told: { says: Resolution; looks: number; refuse: string | undefined } = {
    says: start,
    looks: 0,
    refuse: undefined,
  };
  let inForce: WeirConfig = start.config;
  const reloader = new Reloader({
    path: "/etc/weir.yaml",
    resolve: () => {
      told.looks++;
      return Promise.resolve(told.says);
    },
    inForce: () => inForce,
    apply: (next) => {
      if (told.refuse !== undefined) return Promise.reject(new Error(told.refuse));
      inForce = next;
      return Promise.resolve();
    },
    clock,
    log: createLog({
      now: () => 0,
      gate: () => ({ verbosity: 0 }),
      write: ({ severity, message, fields }) =>
        void lines.push(`${severity} ${message} ${JSON.stringify(fields)}`),
    }),
    metrics: registry.metrics,
    signal: new AbortController().signal,
  });
  await reloader.look(true);
  return {
    reloader,
    clock,
    lines,
    told,
    inForce: () => inForce,
    /** The value of `weir_config_…`. */
    async metric(name: string): Promise<number> {
      const line = (await registry.text()).split("\n").find((line) =>
        line.startsWith(`weir_config_${name} `)
      );
      return Number(line?.split(" ")[1]);
    },
    /** A look at changed content, with the pause before a second look at a faulty one. */
    async change(says: Resolution): Promise<void> {
      told.says = says;
      const done = reloader.look(true);
      await clock.advance(0);
      await clock.advance(250);
      await done;
    },
  };
}

Deno.test("what weir was started with is no reload, and counts as the last success", async () => {
  const { lines, metric, reloader } = await stage();
  assert.deepEqual(lines, []);
  assert.equal(reloader.failure, undefined);
  assert.equal(await metric("last_reload_successful"), 1);
  assert.equal(await metric("last_reload_success_timestamp_seconds"), 1_000);
  assert.equal(await metric('reloads_total{result="invalid"}'), 0);
});

Deno.test("a change is told field by field with both values, and is in force", async () => {
  const { lines, metric, inForce, change, clock } = await stage();
  await clock.advance(9_000);
  const next = await usable("-v=3", "--cluster-cidr=10.0.0.0/8");
  await change(next);
  assert.equal(inForce(), next.config);
  assert.deepEqual(lines, [
    'info Configuration changed {"field":"clusterCIDRs","before":[],"after":["10.0.0.0/8"]}',
    'info Configuration changed {"field":"logging.verbosity","before":0,"after":3}',
    'info Configuration is in force {"changes":2,"milliseconds":0}',
  ]);
  assert.equal(await metric('reloads_total{result="applied"}'), 1);
  assert.equal(await metric("last_reload_success_timestamp_seconds"), 1_009);
});

Deno.test("a file that means the same is counted and told nobody", async () => {
  const { lines, metric, change } = await stage();
  await change(await usable());
  assert.deepEqual(lines, []);
  assert.equal(await metric('reloads_total{result="unchanged"}'), 1);
});

Deno.test("a field that nothing reads is in force for who shows it, and told nobody", async () => {
  const { lines, inForce, change } = await stage();
  const next = await usable("--ipvs-scheduler=wrr");
  await change(next);
  assert.equal(inForce(), next.config);
  assert.deepEqual(lines, []);
});

Deno.test("every fault of an unusable file is told, and what is in force stays", async () => {
  const { lines, metric, inForce, change, reloader, told } = await stage();
  const before = inForce();
  await change(FAULTY);
  assert.equal(inForce(), before);
  assert.deepEqual(lines, [
    'error Cannot use field "a": no {"code":"WEIR_CONFIG_INVALID"}',
    'error Cannot use field "b": neither {"code":"WEIR_CONFIG_INVALID"}',
    'error Cannot use configuration "/etc/weir.yaml": 2 faults; the one in force stays {}',
  ]);
  assert.deepEqual(reloader.failure, {
    state: "invalid",
    since: 1_000_250,
    problems: ['Cannot use field "a": no', 'Cannot use field "b": neither'],
  });
  assert.equal(await metric('reloads_total{result="invalid"}'), 1);
  assert.equal(await metric("last_reload_successful"), 0);
  assert.equal(await metric("last_reload_success_timestamp_seconds"), 1_000);
  const { looks } = told;
  await reloader.look(false);
  assert.equal(told.looks, looks, "it is not read again until it changes");
});

Deno.test("a file that is mended by the second look was only half written", async () => {
  const { lines, told, reloader, clock, inForce } = await stage();
  told.says = FAULTY;
  const done = reloader.look(true);
  await clock.advance(0);
  const next = await usable("-v=1");
  told.says = next;
  await clock.advance(250);
  await done;
  assert.equal(inForce(), next.config);
  assert.equal(lines.filter((line) => line.startsWith("error")).length, 0);
});

Deno.test("a file that says again what is in force ends the failure", async () => {
  const { lines, metric, change, reloader } = await stage();
  await change(FAULTY);
  await change(await usable());
  assert.equal(reloader.failure, undefined);
  assert.equal(await metric("last_reload_successful"), 1);
  assert.match(lines.at(-1) ?? "", /says again what is in force/);
});

Deno.test("what cannot be put in force is tried again, ever more seldom, until it can", async () => {
  const { lines, metric, change, reloader, told, clock, inForce } = await stage();
  told.refuse = "the port is taken";
  const next = await usable("-v=1");
  await change(next);
  assert.equal(
    lines.at(-1),
    'error Cannot put configuration "/etc/weir.yaml" in force: the port is taken; the former one ' +
      'stays {"retrySeconds":5}',
  );
  assert.deepEqual(reloader.failure?.state, "failed");
  const attempts: number[] = [];
  for (let second = 1; second <= 60; second++) {
    await clock.advance(1_000);
    const { looks } = told;
    await reloader.look(false);
    if (told.looks > looks) attempts.push(second);
  }
  assert.deepEqual(attempts, [5, 15, 35]);
  assert.equal(lines.length, 2, "what goes on failing is told once");
  told.refuse = undefined;
  await clock.advance(60_000);
  await reloader.look(false);
  assert.equal(inForce(), next.config);
  assert.equal(reloader.failure, undefined);
  assert.equal(await metric('reloads_total{result="failed"}'), 4);
  assert.equal(await metric('reloads_total{result="applied"}'), 1);
});

for (const [what, says] of [["another", await usable("-v=1")], ["a faulty", FAULTY]] as const) {
  Deno.test(`with --config-reload=exit ${what} configuration ends weir`, async () => {
    const { change, inForce, lines } = await stage("--config-reload=exit");
    const before = inForce();
    await assert.rejects(change(says), {
      code: "WEIR_CONFIG_CHANGED",
      message: /"\/etc\/weir.yaml": its content has changed/,
    });
    assert.equal(inForce(), before);
    assert.deepEqual(lines, []);
  });
}

Deno.test("what only a start can change is said with the field, and the rest is in force", async () => {
  const { change, lines } = await stage();
  await change(await usable("--bind-address-hard-fail", "-v=1"));
  assert.deepEqual(lines.slice(0, 2), [
    'info Configuration changed {"field":"bindAddressHardFail","before":false,"after":true}',
    'warning Restart weir for a change to take effect {"field":"bindAddressHardFail"}',
  ]);
  assert.equal(lines.at(-1), 'info Configuration is in force {"changes":2,"milliseconds":0}');
});

Deno.test("of thousands of faults and warnings fifty are told, and where all of them are", async () => {
  const { reloader, change, lines } = await stage();
  lines.length = 0;
  const many = Array.from({ length: 3_000 }, (_, i) => `${i}`);
  await change({
    type: "faulty",
    problems: many.map((each) => new WeirError("WEIR_CONFIG_INVALID", each)),
  });
  assert.equal(lines.length, 51);
  assert.match(lines.at(-1) ?? "", /3000 faults/);
  assert.equal(reloader.failure?.problems.length, 51);
  assert.equal(
    reloader.failure?.problems.at(-1),
    "2950 more faults: weir config check /etc/weir.yaml",
  );
  lines.length = 0;
  await change({ ...await usable("-v=1"), warnings: many });
  const warnings = lines.filter((line) => line.startsWith("warning "));
  assert.equal(warnings.length, 51);
  assert.match(warnings.at(-1) ?? "", /2950 more warnings: weir config check/);
});
