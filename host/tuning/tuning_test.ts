import assert from "node:assert/strict";
import type { CallParams } from "../../schemas/calls.ts";
import { recordingLog } from "../../tests/kit/recording_log.ts";
import { SimulatedClock } from "../simulated_clock.ts";
import { LIMITS } from "../../schemas/wire.ts";
import { Tuning, type TuningConfig } from "./tuning.ts";

const NOTHING: TuningConfig["conntrack"] = {
  removeTCPFlows: false,
  maxPerCore: 0,
  min: 0,
  tcpEstablishedTimeout: 0,
  tcpCloseWaitTimeout: 0,
  tcpBeLiberal: false,
  udpTimeout: 0,
  udpStreamTimeout: 0,
};
const FIVE = { ...NOTHING, udpTimeout: 5_000 };
const SIX = { ...NOTHING, udpTimeout: 6_000 };

function configOf(conntrack: TuningConfig["conntrack"], sha256 = ""): TuningConfig {
  const plugins = { "conntrack-tuner": { reference: "", sha256, policy: undefined } };
  return { nodeName: "n1", conntrack, plugins, limits: LIMITS };
}

/** Tuning on a simulated clock, whose tuner does as it is told. */
function stage() {
  const clock = new SimulatedClock();
  const { log, lines } = recordingLog();
  const asked: CallParams["tune"][] = [];
  let answer: () => Promise<null> = () => Promise.resolve(null);
  let loads = 0;
  let missing = 0;
  const ends: string[] = [];
  const tuning = new Tuning({
    cpus: () => 4,
    identify: ({ plugins }) => JSON.stringify(plugins),
    load: () => {
      if (loads++ < missing) return Promise.reject(new Error("there is no such plugin"));
      return Promise.resolve({
        call: (method, params) => {
          assert.equal(method, "tune");
          asked.push(params as CallParams["tune"]);
          // The result of tune: TypeScript does not narrow the method's type by its value.
          return answer() as Promise<never>;
        },
        stop: () => Promise.resolve(void ends.push("stopped")),
      });
    },
    clock,
    log,
  });
  return {
    clock,
    asked,
    apply: (conntrack: TuningConfig["conntrack"], sha256 = "") =>
      tuning.apply(configOf(conntrack, sha256)),
    applySoon: (conntrack: TuningConfig["conntrack"]) =>
      tuning.applySoon(() => configOf(conntrack)),
    stop: () => tuning.stop(),
    ends,
    loads: () => loads,
    misses: (count: number) => missing = count,
    answer: (next: () => Promise<null>) => answer = next,
    fail: (reason: string) => answer = () => Promise.reject(new Error(reason)),
    timeouts: () => asked.map(({ config }) => config.udpTimeout),
    warnings: () =>
      lines.filter(({ level }) => level === "warn").map(({ fields }) => fields["err"]),
  };
}

Deno.test("the tuner is asked at once, with the node and what is wanted", async () => {
  const { apply, clock, asked, warnings } = stage();
  apply({ ...FIVE, maxPerCore: 100 });
  await clock.advance(0);
  assert.deepEqual(asked, [{
    node: { name: "n1", cpus: 4 },
    config: { maxPerCore: 100, udpTimeout: 5 },
  }]);
  await clock.advance(3_600_000);
  assert.equal(asked.length, 1);
  assert.deepEqual(warnings(), []);
});

Deno.test("the tuner leaves the processor to the first sync, but not for long", async () => {
  const late = stage();
  late.applySoon(FIVE);
  await late.clock.advance(4_999);
  assert.equal(late.loads(), 0);
  await late.clock.advance(1);
  assert.deepEqual(late.timeouts(), [5]);
  const early = stage();
  early.applySoon(FIVE);
  early.apply(SIX);
  await early.clock.advance(60_000);
  assert.deepEqual(early.timeouts(), [6]);
  const never = stage();
  never.applySoon(FIVE);
  await never.stop();
  await never.clock.advance(60_000);
  assert.equal(never.loads(), 0);
});

Deno.test("where nothing is wanted no tuner is started", async () => {
  const { apply, clock, loads } = stage();
  apply({ ...NOTHING, min: 131_072 });
  await clock.advance(3_600_000);
  assert.equal(loads(), 0);
});

Deno.test("a tuner that cannot be loaded is loaded again, one that can be only once", async () => {
  const { apply, clock, loads, misses, warnings, timeouts } = stage();
  misses(2);
  apply(FIVE);
  await clock.advance(60_000);
  assert.deepEqual(warnings(), ["there is no such plugin"]);
  apply(SIX);
  await clock.advance(60_000);
  assert.equal(loads(), 3);
  assert.deepEqual(timeouts(), [5, 6]);
});

Deno.test("it is asked again when something else is wanted, and not when it is the same", async () => {
  const { apply, clock, timeouts } = stage();
  for (const settings of [FIVE, { ...FIVE }, SIX, SIX, FIVE, NOTHING, NOTHING]) {
    apply(settings);
    await clock.advance(1_000);
  }
  assert.deepEqual(timeouts(), [5, 6, 5]);
});

Deno.test("a tuner that fails is asked again ever more rarely, and its reason is a warning once", async () => {
  const { apply, clock, asked, fail, answer, warnings } = stage();
  fail("/proc/sys is read-only");
  apply(FIVE);
  await clock.advance(0);
  const again: number[] = [];
  for (let second = 1; second <= 3_600; second++) {
    const before = asked.length;
    await clock.advance(1_000);
    if (asked.length > before) again.push(second);
  }
  assert.deepEqual(
    again,
    [1, 3, 7, 15, 31, 63, 127, 255, 511, 1_023, 1_623, 2_223, 2_823, 3_423],
  );
  assert.deepEqual(warnings(), ["/proc/sys is read-only"]);
  fail("the kernel module nf_conntrack is not loaded");
  await clock.advance(600_000);
  assert.equal(warnings().length, 2);
  answer(() => Promise.resolve(null));
  await clock.advance(600_000);
  const { length } = asked;
  await clock.advance(3_600_000);
  assert.equal(asked.length, length, "it is as configured");
});

Deno.test("another tuner takes the place of the one in force, and sets everything anew", async () => {
  const { apply, clock, loads, ends, timeouts } = stage();
  apply(FIVE);
  await clock.advance(1_000);
  apply(FIVE, "ab".repeat(32));
  await clock.advance(1_000);
  assert.deepEqual([loads(), ends, timeouts()], [2, ["stopped"], [5, 5]]);
});

Deno.test("a change while the tuner fails is asked for at once, and the old wish is forgotten", async () => {
  const { apply, clock, fail, timeouts, answer, warnings } = stage();
  fail("no");
  apply(FIVE);
  await clock.advance(20_000);
  answer(() => Promise.resolve(null));
  apply(SIX);
  await clock.advance(3_600_000);
  assert.deepEqual(timeouts(), [5, 5, 5, 5, 5, 6]);
  fail("no");
  apply(FIVE);
  await clock.advance(0);
  assert.deepEqual(warnings(), ["no", "no"], "another wish, another warning");
});

Deno.test("an answer that comes late, or after the stop, starts nothing", async () => {
  const { apply, stop, clock, timeouts, answer, warnings, ends } = stage();
  const late = Promise.withResolvers<null>();
  answer(() => late.promise);
  apply(FIVE);
  await clock.advance(0);
  answer(() => Promise.reject(new Error("no")));
  apply(SIX);
  late.reject(new Error("late"));
  await clock.advance(0);
  assert.deepEqual(warnings(), ["no"]);
  await stop();
  apply(FIVE);
  await clock.advance(3_600_000);
  assert.deepEqual(timeouts(), [5, 6]);
  assert.deepEqual(ends, ["stopped"]);
});
