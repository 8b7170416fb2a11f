import assert from "node:assert/strict";
import { WeirError } from "../schemas/errors.ts";
import { failedAt, Scheduler, type SchedulerOptions, type SyncKind } from "./scheduler.ts";
import { SimulatedClock } from "./simulated_clock.ts";

/** A scheduler on a simulated clock whose syncs take a set time and fail when told to. */
class Stage {
  readonly clock = new SimulatedClock(1_000_000);
  /** `kind@start`, in milliseconds since the stage was set. */
  readonly started: string[] = [];
  readonly told: string[] = [];
  /** Milliseconds that a sync takes. */
  duration = 0;
  /** How many of the next syncs fail. */
  failing = 0;
  inFlight = 0;
  readonly scheduler: Scheduler;

  constructor(options: Partial<SchedulerOptions> = {}) {
    this.scheduler = new Scheduler({
      clock: this.clock,
      random: () => 1,
      sync: (kind) => this.#sync(kind),
      minInterval: 0,
      syncPeriod: 30_000,
      observer: {
        queued: (at, reason) => this.told.push(`queued@${this.#since(at)} ${reason}`),
        completed: (at, kind, duration) =>
          this.told.push(`completed@${this.#since(at)} ${kind} ${duration}`),
        failed: (at, kind, thrown, delay) =>
          this.told.push(`failed@${this.#since(at)} ${kind} ${thrown} ${delay}`),
      },
      ...options,
    });
  }

  #since(at: number): number {
    return at - 1_000_000;
  }

  async #sync(kind: SyncKind): Promise<void> {
    assert.equal(this.inFlight++, 0, "two syncs are in flight");
    this.started.push(`${kind}@${this.#since(this.clock.now())}`);
    const fails = this.failing-- > 0;
    if (this.duration > 0) {
      await new Promise<void>((resolve) => this.clock.after(this.duration, resolve));
    }
    this.inFlight--;
    if (fails) throw new Error("no");
  }

  /** Reports a change every `step` milliseconds for a while. */
  async storm(duration: number, step: number): Promise<void> {
    for (let passed = 0; passed < duration; passed += step) {
      this.scheduler.changed();
      await this.clock.advance(step);
    }
  }
}

Deno.test("The first change goes out at once, with everything of the same macrotask", async () => {
  const stage = new Stage();
  stage.scheduler.changed();
  stage.scheduler.changed();
  assert.deepEqual(stage.started, []);
  await stage.clock.advance(0);
  assert.deepEqual(stage.started, ["apply@0"]);
  await stage.clock.advance(60_000);
  assert.deepEqual(stage.started, ["apply@0"]);
});

Deno.test("A lone change after a long sync's rest goes out at once, whatever the sync took", async () => {
  const stage = new Stage();
  stage.duration = 100;
  stage.scheduler.changed();
  await stage.clock.advance(1_000);
  stage.scheduler.changed();
  await stage.clock.advance(1_000);
  assert.deepEqual(stage.started, ["apply@0", "apply@1000"]);
});

Deno.test("In a storm one sync is in flight and the pause is half as long as the sync took", async () => {
  const stage = new Stage();
  stage.duration = 100;
  await stage.storm(500, 10);
  assert.deepEqual(stage.started, ["apply@0", "apply@150", "apply@300", "apply@450"]);
});

Deno.test("The last change of a storm is not forgotten", async () => {
  const stage = new Stage();
  stage.duration = 100;
  stage.scheduler.changed();
  await stage.clock.advance(50);
  stage.scheduler.changed();
  await stage.clock.advance(10_000);
  assert.deepEqual(stage.started, ["apply@0", "apply@150"]);
});

Deno.test("A configured interval is kept from start to start, and idle time counts", async () => {
  const stage = new Stage({ minInterval: 1_000 });
  stage.duration = 100;
  await stage.storm(2_500, 10);
  assert.deepEqual(stage.started, ["apply@0", "apply@1000", "apply@2000"]);
  await stage.clock.advance(10_000);
  assert.deepEqual(stage.started.length, 4);
  stage.scheduler.changed();
  await stage.clock.advance(0);
  assert.deepEqual(stage.started.at(-1), "apply@12500");
});

Deno.test("A sync that takes longer than the interval is followed at once", async () => {
  const stage = new Stage({ minInterval: 50 });
  stage.duration = 200;
  await stage.storm(500, 10);
  assert.deepEqual(stage.started, ["apply@0", "apply@200", "apply@400"]);
});

Deno.test("A failed sync is repeated as a resync with doubling waits up to the sync period", async () => {
  const stage = new Stage({ syncPeriod: 1_000 });
  stage.failing = 6;
  stage.scheduler.changed();
  await stage.clock.advance(10_000);
  assert.deepEqual(stage.started, [
    "apply@0",
    "resync@100",
    "resync@300",
    "resync@700",
    "resync@1500",
    "resync@2500",
    "resync@3500",
  ]);
  assert.equal(stage.told[1], "failed@0 apply Error: no 100");
  assert.equal(stage.told.at(-1), "completed@3500 resync 0");
  stage.failing = 1;
  stage.scheduler.changed();
  await stage.clock.advance(10_000);
  assert.deepEqual(stage.started.slice(-2), ["apply@10000", "resync@10100"]);
});

Deno.test("The wait after a failure is jittered between half and the whole", async () => {
  for (const [random, expected] of [[0, "resync@50"], [0.5, "resync@75"]] as const) {
    const stage = new Stage({ random: () => random });
    stage.failing = 1;
    stage.scheduler.changed();
    await stage.clock.advance(1_000);
    assert.deepEqual(stage.started, ["apply@0", expected]);
  }
});

Deno.test("Changes do not shorten the wait after a failure, nor does a minimum interval lengthen it twice", async () => {
  const stage = new Stage({ minInterval: 500 });
  stage.failing = 1;
  await stage.storm(800, 20);
  assert.deepEqual(stage.started, ["apply@0", "resync@500"]);
});

Deno.test("A sync that throws before its first await counts as failed", async () => {
  let calls = 0;
  const stage = new Stage({
    sync: () => {
      if (calls++ === 0) throw new Error("at once");
      return Promise.resolve();
    },
  });
  stage.scheduler.changed();
  await stage.clock.advance(10);
  assert.equal(stage.scheduler.status.failures, 1);
  stage.scheduler.pause();
  stage.scheduler.resume();
  await stage.clock.advance(0);
  assert.equal(calls, 2);
  assert.equal(stage.scheduler.status.failures, 0);
});

Deno.test("A resync asked for during a sync follows it as a resync; changes join it", async () => {
  const stage = new Stage();
  stage.duration = 10;
  stage.scheduler.changed();
  await stage.clock.advance(5);
  stage.scheduler.requestResync("someone else changed the table");
  stage.scheduler.changed();
  await stage.clock.advance(1_000);
  assert.deepEqual(stage.started, ["apply@0", "resync@15"]);
  assert.ok(stage.told.includes("queued@5 someone else changed the table"));
});

Deno.test("While paused nothing starts, and afterwards everything that waited goes at once", async () => {
  const stage = new Stage();
  stage.scheduler.pause();
  stage.scheduler.changed();
  await stage.clock.advance(5_000);
  assert.deepEqual(stage.started, []);
  assert.equal(stage.scheduler.status.waitingSince, 1_000_000);
  stage.scheduler.requestResync("the plugin is back");
  stage.scheduler.resume();
  await stage.clock.advance(0);
  assert.deepEqual(stage.started, ["resync@5000"]);
});

Deno.test("After a pause a failed sync is retried at once, because the plugin is another", async () => {
  const stage = new Stage();
  stage.failing = 4;
  stage.scheduler.changed();
  await stage.clock.advance(701);
  assert.deepEqual(stage.started.at(-1), "resync@700");
  stage.scheduler.pause();
  await stage.clock.advance(10);
  stage.scheduler.resume();
  await stage.clock.advance(0);
  assert.deepEqual(stage.started.at(-1), "resync@711");
});

Deno.test("A pause while a sync is in flight lets it end and starts no other", async () => {
  const stage = new Stage();
  stage.duration = 100;
  stage.scheduler.changed();
  await stage.clock.advance(10);
  stage.scheduler.changed();
  stage.scheduler.pause();
  await stage.clock.advance(1_000);
  assert.deepEqual(stage.started, ["apply@0"]);
  assert.ok(stage.told.includes("completed@100 apply 100"));
  stage.scheduler.resume();
  await stage.clock.advance(0);
  assert.deepEqual(stage.started, ["apply@0", "apply@1010"]);
});

Deno.test("Stopping waits for the sync in flight and starts no other, and leaves no timer", async () => {
  const stage = new Stage();
  stage.duration = 100;
  stage.scheduler.changed();
  await stage.clock.advance(10);
  stage.scheduler.changed();
  let stopped = false;
  const stop = stage.scheduler.stop().then(() => stopped = true);
  await stage.clock.advance(50);
  assert.equal(stopped, false);
  await stage.clock.advance(50);
  assert.equal(stopped, true);
  await stop;
  stage.scheduler.changed();
  stage.scheduler.resume();
  await stage.clock.advance(10_000);
  assert.deepEqual(stage.started, ["apply@0"]);
  assert.equal(stage.clock.waiting, 0);
});

Deno.test("The status tells since when the oldest change waits, through failures, until a sync takes it", async () => {
  const stage = new Stage();
  const { scheduler, clock } = stage;
  const status = () => scheduler.status;
  assert.deepEqual(status(), {
    lastQueued: undefined,
    lastCompleted: undefined,
    waitingSince: undefined,
    failures: 0,
  });
  stage.duration = 10;
  stage.failing = 2;
  scheduler.changed();
  await clock.advance(50);
  scheduler.changed();
  assert.deepEqual(status(), {
    lastQueued: 1_000_050,
    lastCompleted: undefined,
    waitingSince: 1_000_000,
    failures: 1,
  });
  await clock.advance(75);
  scheduler.changed();
  await clock.advance(10);
  assert.equal(status().waitingSince, 1_000_000);
  assert.equal(status().failures, 2);
  await clock.advance(10_000);
  assert.equal(status().waitingSince, undefined);
  assert.equal(status().failures, 0);
  assert.equal(status().lastCompleted, 1_000_330);
});

Deno.test("A clock that is set back by an hour stalls nothing", async () => {
  const stage = new Stage({ minInterval: 100 });
  let offset = 0;
  const { clock } = stage;
  const starts: number[] = [];
  const scheduler = new Scheduler({
    clock: { now: () => clock.now() - offset, after: (delay, ring) => clock.after(delay, ring) },
    random: () => 1,
    sync: async () => {
      starts.push(clock.now() - 1_000_000);
      offset = 3_600_000;
    },
    minInterval: 100,
    syncPeriod: 30_000,
  });
  scheduler.changed();
  await clock.advance(10);
  scheduler.changed();
  await clock.advance(200);
  assert.deepEqual(starts, [0, 100]);
});

Deno.test("What must not meet a sync waits for the one in flight and holds back the next", async () => {
  const stage = new Stage();
  const { clock, scheduler } = stage;
  stage.duration = 10;
  scheduler.changed();
  await clock.advance(1);
  const release = Promise.withResolvers<string>();
  const began: number[] = [];
  const done = scheduler.alone(() => {
    began.push(clock.now() - 1_000_000);
    return release.promise;
  });
  scheduler.changed();
  await clock.advance(100);
  assert.deepEqual([began, stage.started], [[10], ["apply@0"]]);
  release.resolve("done");
  assert.equal(await done, "done");
  await clock.advance(0);
  assert.deepEqual(stage.started, ["apply@0", "apply@101"]);
});

Deno.test("When that fails the next sync comes all the same", async () => {
  const stage = new Stage();
  const failing = stage.scheduler.alone(() => Promise.reject(new Error("no")));
  stage.scheduler.changed();
  await assert.rejects(failing, /no/);
  await stage.clock.advance(0);
  assert.deepEqual(stage.started, ["apply@0"]);
});

Deno.test("where a plugin threw is told by its function and the line of its author, or of its bundle", () => {
  const thrownBy = (stack: string) =>
    new WeirError("WEIR_PLUGIN_FAILED", "Cannot resync", { cause: { stack } });
  const frames = "TypeError: no y\n    at inner (data:text/javascript;base64,Lx…:33:11)\n" +
    "    at Object.resync (data:text/javascript;base64,Lx…:40:5)";
  assert.equal(failedAt(thrownBy(frames)), "inner, 33:11 of its bundle");
  const sourced = "TypeError: no y\n    at commit (plugins/sdk/nft/client.ts:8)\n" +
    "    at async Object.resync (/opt/my plugin/plugin.ts:12)\n    at ext:core/01_core.js:3:4";
  assert.equal(failedAt(thrownBy(sourced)), "Object.resync, /opt/my plugin/plugin.ts:12");
  assert.equal(failedAt(thrownBy("E\n    at schemas/ip.ts:3")), "schemas/ip.ts:3");
  assert.equal(failedAt(thrownBy("")), undefined);
  assert.equal(failedAt(new Error("the kernel is busy")), undefined);
});
