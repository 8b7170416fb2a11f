import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { CallMethod, CallParams } from "../schemas/calls.ts";
import type { DetectLocalMode } from "../schemas/config.ts";
import { LIMITS } from "../schemas/wire.ts";
import type { LocalMatch } from "../schemas/view.ts";
import { LocalTraffic, type LocalTrafficConfig } from "./local_traffic.ts";
import { sampleNode } from "./samples.ts";
import type { SupervisedPlugin } from "./sandbox/supervisor.ts";
import { SimulatedClock } from "./simulated_clock.ts";

function configOf(detectLocalMode: DetectLocalMode, ...clusterCIDRs: string[]): LocalTrafficConfig {
  return {
    nodeName: "here",
    detectLocalMode,
    clusterCIDRs,
    detectLocal: { bridgeInterface: "cni0", interfaceNamePrefix: "veth" },
    plugins: {},
    limits: LIMITS,
  };
}

/** Detectors that answer with every range they are told, in a world on a simulated clock. */
function stage(first: LocalTrafficConfig) {
  const clock = new SimulatedClock();
  const told: string[] = [];
  const broken = new Set<DetectLocalMode>();
  const detectors: WeakRef<SupervisedPlugin>[] = [];
  const line = (message: string) => void told.push(message);
  const load = (mode: DetectLocalMode): SupervisedPlugin => ({
    state: () => ({ type: "idle" }),
    restarts: () => 0,
    call: (async (_method: CallMethod, params: CallParams["detect"]) =>
      await Promise.resolve(
        [...params.node.podCIDRs, ...params.config.clusterCIDRs].map((cidr): LocalMatch => ({
          type: "cidr",
          family: "IPv4",
          cidr,
        })),
      )) as SupervisedPlugin["call"],
    underWay: () => [],
    inspect: () => Promise.reject(new Error("nobody profiles it")),
    stop: () => Promise.resolve(line(`${mode} stopped`)),
  });
  const traffic = new LocalTraffic(first, {
    identify: ({ detectLocalMode }) => detectLocalMode,
    load: ({ detectLocalMode: mode }) => {
      line(`${mode} loaded`);
      if (broken.has(mode)) return Promise.reject(new Error(`no ${mode}`));
      const detector = load(mode);
      detectors.push(new WeakRef(detector));
      return Promise.resolve(detector);
    },
    changed: () => line("changed"),
    fail: ({ message }) => line(message),
    clock,
    log: { debug: () => {}, info: () => {}, warn: line, error: line },
  });
  const matches = () =>
    traffic.matches?.map((match) => match.type === "cidr" ? match.cidr : match.type).join(" ");
  return { traffic, clock, told, broken, detectors, matches };
}

Deno.test("another configuration of one detector is asked of it, and answers once it is in force", async () => {
  const { traffic, clock, told, matches } = stage(configOf("ClusterCIDR", "10.0.0.0/8"));
  traffic.observe(undefined);
  await clock.advance(0);
  const prepared = await traffic.prepare(configOf("ClusterCIDR", "10.1.0.0/16"), undefined);
  assert.equal(matches(), "10.0.0.0/8");
  told.length = 0;
  prepared.commit();
  assert.equal(matches(), "10.1.0.0/16");
  assert.deepEqual(told, ["changed"]);
  assert.equal(clock.waiting, 0);
});

Deno.test("another detector takes the place of the one in force, which ends; the same answer is no change", async () => {
  const { traffic, clock, told, matches } = stage(configOf("ClusterCIDR", "10.0.0.0/8"));
  traffic.observe(undefined);
  await clock.advance(0);
  const prepared = await traffic.prepare(
    configOf("NodeCIDR"),
    sampleNode("", { podCIDRs: ["10.0.0.0/8"] }),
  );
  told.length = 0;
  prepared.commit();
  await clock.advance(0);
  assert.deepEqual(told, ["ClusterCIDR stopped"]);
  traffic.observe(sampleNode("", { podCIDRs: ["10.2.0.0/24"] }));
  await clock.advance(0);
  assert.equal(matches(), "10.2.0.0/24");
  assert.deepEqual(told, ["ClusterCIDR stopped", "changed"]);
  await traffic.stop();
  assert.equal(told.at(-1), "NodeCIDR stopped");
});

Deno.test("a detector that cannot be loaded, or has no answer in time, leaves the one in force", async () => {
  const { traffic, clock, told, broken, matches } = stage(configOf("ClusterCIDR", "10.0.0.0/8"));
  traffic.observe(undefined);
  await clock.advance(0);
  broken.add("BridgeInterface");
  await assert.rejects(traffic.prepare(configOf("BridgeInterface"), undefined), /no BridgeInt/);
  const waiting = traffic.prepare(configOf("NodeCIDR"), undefined);
  waiting.catch(() => {});
  await clock.advance(15_000);
  await assert.rejects(waiting, { code: "WEIR_PLUGIN_TIMEOUT", message: /"NodeCIDR"/ });
  await clock.advance(0);
  assert.ok(told.includes("NodeCIDR stopped"));
  assert.ok(!told.includes("ClusterCIDR stopped"));
  assert.equal(matches(), "10.0.0.0/8");
  traffic.observe(undefined);
  assert.equal(clock.waiting, 0);
});

Deno.test("of a detector that was replaced nothing stays in memory", async () => {
  const { traffic, clock, detectors } = stage(configOf("ClusterCIDR", "10.0.0.0/8"));
  traffic.observe(undefined);
  await clock.advance(0);
  for (
    const mode of ["BridgeInterface", "ClusterCIDR", "BridgeInterface", "ClusterCIDR"] as const
  ) {
    (await traffic.prepare(configOf(mode, "10.0.0.0/8"), undefined)).commit();
    await clock.advance(0);
  }
  setFlagsFromString("--expose-gc");
  // A WeakRef keeps what was looked at until the task ends.
  await new Promise((resume) => setTimeout(resume, 0));
  runInNewContext("gc")();
  assert.equal(detectors.length, 5);
  // Not the last but one either, but its end may still be under way.
  assert.deepEqual(detectors.slice(0, 3).map((each) => each.deref()), [
    undefined,
    undefined,
    undefined,
  ]);
});
