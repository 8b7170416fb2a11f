import assert from "node:assert/strict";
import type { CallMethod } from "../schemas/calls.ts";
import { Proxiers, type RunningProxier, type StartProxier } from "./proxiers.ts";
import type { SandboxEvent } from "./sandbox/event.ts";
import { SimulatedClock } from "./simulated_clock.ts";
import { createLog } from "./telemetry/log.ts";

/** A proxier that does as it is told. */
class FakeProxier implements RunningProxier {
  readonly tables = new Set<string>();
  readonly name: string;
  state: RunningProxier["state"] = { type: "ready", manifest: MANIFEST, grants: {}, pid: 1 };
  fails: ReadonlySet<string>;
  readonly #say: (what: string) => void;

  constructor(name: string, say: (what: string) => void, fails: readonly string[]) {
    this.name = name;
    this.fails = new Set(fails);
    this.#say = (what) => say(`${name}: ${what}`);
  }

  loaded = () => Promise.resolve();

  ready(): Promise<void> {
    if (this.fails.has("ready")) return Promise.reject(new Error(`${this.name} does not start`));
    this.tables.add(this.name.replace(/ .*/, ""));
    return Promise.resolve();
  }

  call(method: CallMethod): Promise<never> {
    this.#say(method);
    if (this.fails.has(`${method} in time`)) {
      return this.stopped.promise.then(() => Promise.reject(new Error("it died")));
    }
    return this.fails.has(method)
      ? Promise.reject(new Error(`${method} of ${this.name} failed`))
      : Promise.resolve(null as never);
  }

  silence(silenced: boolean): void {
    this.#say(silenced ? "silenced" : "may write");
  }

  stop(): Promise<void> {
    this.#say("stopped");
    this.stopped.resolve();
    return Promise.resolve();
  }

  readonly stopped = Promise.withResolvers<void>();
}

const MANIFEST = {
  name: "fake",
  version: "0",
  api: 1,
  kind: "proxier",
  requires: {},
  uses: {},
} as const;

/** A proxier "weir" in force; the table of each is the first word of its name. */
async function stage(fails: Readonly<Record<string, readonly string[]>> = {}) {
  const told: string[] = [];
  const clock = new SimulatedClock();
  const knows = { everything: true };
  const hooks = new Map<string, Parameters<StartProxier>[0]>();
  const owned = new Map<string, () => boolean>();
  const all = new Map<string, FakeProxier>();
  const source = (name: string): StartProxier => (given) => {
    const proxier = new FakeProxier(name, (what) => void told.push(what), fails[name] ?? []);
    hooks.set(name, given);
    all.set(name, proxier);
    return proxier;
  };
  const proxiers: Proxiers = new Proxiers(source("weir"), {
    formerTables: () => Promise.resolve(["weir", "hello"]),
    deleteTable: (table, isOwned) => {
      told.push(`delete ${table}`);
      owned.set(table, isOwned);
      return Promise.resolve(false);
    },
    onReady: () => void told.push("in force is ready"),
    onAway: () => void told.push("in force is away"),
    observe: (name, event) => void told.push(`${name} ${event.type}`),
    alone: async (work) => {
      told.push("alone {");
      await work().finally(() => told.push("}"));
    },
    canTell: () => knows.everything,
    resync: async () => void await proxiers.call("cleanup", null),
    clock,
    log: createLog({
      now: () => 0,
      gate: () => ({ verbosity: 0 }),
      write: ({ severity, message }) => void told.push(`${severity}: ${message}`),
    }),
  });
  await all.get("weir")?.ready();
  const state = (name: string, state: "ready" | "waiting") => {
    const event: SandboxEvent = { type: "state", state };
    hooks.get(name)?.observe(event);
  };
  return { knows, clock, proxiers, source, told, hooks, all, state, owned };
}

Deno.test("the new proxier has programmed everything before the old one cleans up and ends", async () => {
  const { proxiers, source, told } = await stage();
  await proxiers.switchTo(source("other"));
  assert.deepEqual(told, [
    "alone {",
    "weir: may write",
    // The resync of this stage is a cleanup.
    "other: cleanup",
    "}",
    "info: Another proxier programs the kernel",
    "weir: cleanup",
    "weir: stopped",
    "delete weir",
    "weir: stopped",
  ]);
  assert.equal(proxiers.name, "other");
});

Deno.test("of two with one table the old one's hands are off before the new one programs, and nothing is cleaned up", async () => {
  const { proxiers, source, told } = await stage();
  await proxiers.switchTo(source("weir copy"));
  assert.deepEqual(told, [
    "alone {",
    "weir: silenced",
    "weir copy: cleanup",
    "}",
    "info: Another proxier programs the kernel",
    "weir: stopped",
  ]);
});

Deno.test("a proxier that does not start leaves everything as it was", async () => {
  const { proxiers, source, told } = await stage({ other: ["ready"] });
  await assert.rejects(proxiers.switchTo(source("other")), /other does not start/);
  assert.deepEqual(told, ["other: stopped"]);
  assert.equal(proxiers.name, "weir");
});

Deno.test("what a proxier wrote that failed to program everything goes, and the old one goes on", async () => {
  const { proxiers, source, told } = await stage({ other: ["cleanup"] });
  await assert.rejects(proxiers.switchTo(source("other")), /cleanup of other failed/);
  assert.deepEqual(told, [
    "alone {",
    "weir: may write",
    "other: cleanup",
    "weir: may write",
    "other: cleanup",
    "warning: A proxier did not clean up; deleting its tables",
    "other: stopped",
    "delete other",
    "}",
    "other: stopped",
  ]);
  assert.equal(proxiers.name, "weir");
  told.length = 0;
  await proxiers.call("cleanup", null);
  assert.deepEqual(told, ["weir: cleanup"]);
});

Deno.test("a proxier that does not come to an end in ten seconds is given up", async () => {
  const { clock, proxiers, source, told } = await stage({ "weir copy": ["cleanup in time"] });
  const switching = proxiers.switchTo(source("weir copy"));
  switching.catch(() => {});
  await clock.advance(0);
  await clock.advance(10_000);
  await assert.rejects(switching, { code: "WEIR_PLUGIN_TIMEOUT", message: /after 10 s/ });
  assert.equal(proxiers.name, "weir");
  assert.ok(told.includes("weir: may write"));
  assert.equal(clock.waiting, 0);
});

Deno.test("of two with one table the old one may write again when the new one has failed", async () => {
  const { proxiers, source, told } = await stage({ "weir copy": ["cleanup"] });
  await assert.rejects(proxiers.switchTo(source("weir copy")), /failed/);
  assert.deepEqual(told, [
    "alone {",
    "weir: silenced",
    "weir copy: cleanup",
    "weir: may write",
    "}",
    "weir copy: stopped",
  ]);
});

Deno.test("a parked proxier is replaced, and its tables are deleted without asking it", async () => {
  const { proxiers, source, told, all } = await stage();
  const weir = all.get("weir");
  assert.ok(weir !== undefined);
  weir.state = { type: "parked", reason: "it died" };
  await proxiers.switchTo(source("other"));
  assert.ok(told.includes("delete weir"));
  assert.ok(!told.includes("weir: cleanup"));
});

Deno.test("only the proxier in force pauses syncs and asks for everything anew", async () => {
  const { proxiers, source, told, state, hooks } = await stage();
  state("weir", "waiting");
  hooks.get("weir")?.onReady();
  await proxiers.switchTo(source("other"));
  told.length = 0;
  state("weir", "waiting");
  hooks.get("weir")?.onReady();
  state("other", "waiting");
  assert.deepEqual(told, ["weir state", "other state", "in force is away"]);
});

Deno.test("of two with one name only the one in force shows its states", async () => {
  const { proxiers, source, told, state, hooks } = await stage();
  const former = hooks.get("weir");
  await proxiers.switchTo(source("weir"));
  told.length = 0;
  former?.observe({ type: "state", state: "stopped" });
  assert.deepEqual(told, []);
  state("weir", "ready");
  assert.deepEqual(told, ["weir state"]);
});

Deno.test("what proxiers of an earlier weir left goes once, when another has programmed everything", async () => {
  const { clock, proxiers, told } = await stage();
  proxiers.programmed();
  proxiers.programmed();
  await clock.advance(0);
  assert.deepEqual(told, ["delete hello"]);
});

Deno.test("a table of an earlier weir that another proxier is granted while it is deleted is known as owned", async () => {
  const { clock, proxiers, source, owned } = await stage();
  proxiers.programmed();
  await clock.advance(0);
  assert.equal(owned.get("hello")?.(), false);
  await proxiers.switchTo(source("hello again"));
  assert.equal(owned.get("hello")?.(), true);
});

Deno.test("before all objects are listed nobody takes anybody's place", async () => {
  const { knows, proxiers, source, told } = await stage();
  knows.everything = false;
  await assert.rejects(proxiers.switchTo(source("other")), /it is not known yet what there is/);
  assert.ok(!told.includes("other: cleanup"));
  assert.equal(proxiers.name, "weir");
});
