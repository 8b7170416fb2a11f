import assert from "node:assert/strict";
import type { CallParams } from "../schemas/calls.ts";
import type { DetectLocalMode } from "../schemas/config.ts";
import type { LocalMatch } from "../schemas/view.ts";
import type { WeirError } from "../schemas/errors.ts";
import { Detection } from "./detection.ts";
import { sampleNode } from "./samples.ts";
import { SimulatedClock } from "./simulated_clock.ts";

const CIDRS = ["10.244.0.0/16"];

function cidr(text: string): LocalMatch {
  return { type: "cidr", family: "IPv4", cidr: text };
}

/** A detection on a simulated clock, whose detector answers when and as it is told. */
class Stage {
  readonly clock = new SimulatedClock();
  readonly asked: CallParams["detect"][] = [];
  readonly log: string[] = [];
  readonly faults: WeirError[] = [];
  changes = 0;
  /** Answers a question; by default at once with a match for each CIDR it was asked about. */
  detector = (params: CallParams["detect"]): Promise<readonly LocalMatch[]> =>
    Promise.resolve([...params.node.podCIDRs, ...params.config.clusterCIDRs].map(cidr));
  readonly detection: Detection;

  constructor(detectLocalMode: DetectLocalMode) {
    const line = (level: string) => (message: string, fields = {}) => {
      this.log.push(`${level} ${message} ${JSON.stringify(fields)}`);
    };
    this.detection = new Detection({
      config: {
        nodeName: "here",
        detectLocalMode,
        clusterCIDRs: detectLocalMode === "ClusterCIDR" ? CIDRS : [],
        detectLocal: { bridgeInterface: "cni0", interfaceNamePrefix: "veth" },
      },
      detect: (params) => {
        this.asked.push(params);
        return this.detector(params);
      },
      changed: () => void this.changes++,
      fail: (fault) => void this.faults.push(fault),
      clock: this.clock,
      log: {
        debug: line("debug"),
        info: line("info"),
        warn: line("warn"),
        error: line("error"),
      },
    });
  }

  get matches() {
    return this.detection.matches;
  }

  settle(): Promise<void> {
    return this.clock.advance(0);
  }
}

Deno.test("the detector is asked with the node's name and the whole configuration", async () => {
  const stage = new Stage("ClusterCIDR");
  assert.equal(stage.matches, undefined);
  stage.detection.observe(undefined);
  await stage.settle();
  assert.deepEqual(stage.asked, [{
    node: { name: "here", podCIDRs: [] },
    config: { clusterCIDRs: CIDRS, bridgeInterface: "cni0", interfaceNamePrefix: "veth" },
  }]);
  assert.deepEqual(stage.matches, [cidr("10.244.0.0/16")]);
  assert.equal(stage.changes, 1);
});

for (const mode of ["ClusterCIDR", "BridgeInterface", "InterfaceNamePrefix"] as const) {
  Deno.test(`with ${mode} the Node decides nothing: the detector is asked once`, async () => {
    const stage = new Stage(mode);
    const nodes = [undefined, sampleNode(""), sampleNode("", { podCIDRs: ["10.1.0.0/24"] })];
    for (const node of nodes) {
      stage.detection.observe(node);
      await stage.settle();
    }
    assert.equal(stage.asked.length, 1);
    assert.deepEqual(stage.asked[0]?.node.podCIDRs, []);
  });
}

Deno.test("with NodeCIDR nothing is known until the Node has pod ranges, which is said once", async () => {
  const stage = new Stage("NodeCIDR");
  for (const node of [undefined, sampleNode(""), undefined, sampleNode("")]) {
    stage.detection.observe(node);
    await stage.settle();
  }
  assert.deepEqual(stage.asked, []);
  assert.equal(stage.matches, undefined);
  assert.deepEqual(stage.log, [
    'info Waiting for the Node\'s podCIDRs before programming anything {"node":"here"}',
  ]);
  stage.detection.observe(sampleNode("", { podCIDRs: ["10.1.0.0/24"] }));
  await stage.settle();
  assert.deepEqual(stage.matches, [cidr("10.1.0.0/24")]);
});

Deno.test("with NodeCIDR a Node that has no pod ranges after 5 minutes stops weir, with the remedy", async () => {
  const stage = new Stage("NodeCIDR");
  stage.detection.observe(sampleNode(""));
  await stage.clock.advance(299_999);
  stage.detection.observe(undefined);
  assert.deepEqual(stage.faults, []);
  await stage.clock.advance(1);
  assert.deepEqual(stage.faults.map(({ code, message }) => [code, message]), [[
    "WEIR_NODE",
    'Cannot tell local traffic by the podCIDRs of Node "here": it has none after 5 minutes; have ' +
    "the controller manager allocate them (--allocate-node-cidrs), or choose another " +
    "--detect-local-mode",
  ]]);
});

Deno.test("with NodeCIDR a Node that gets its pod ranges in time, and loses them later, stops nothing", async () => {
  const stage = new Stage("NodeCIDR");
  stage.detection.observe(undefined);
  await stage.clock.advance(299_000);
  stage.detection.observe(sampleNode("", { podCIDRs: ["10.1.0.0/24"] }));
  stage.detection.observe(sampleNode(""));
  await stage.clock.advance(600_000);
  assert.deepEqual(stage.faults, []);
  assert.deepEqual(stage.matches, [cidr("10.1.0.0/24")]);
});

Deno.test("with NodeCIDR other pod ranges are another answer, and a Node that is gone keeps its own", async () => {
  const stage = new Stage("NodeCIDR");
  const see = async (...podCIDRs: string[]) => {
    stage.detection.observe(sampleNode("", { podCIDRs }));
    await stage.settle();
  };
  await see("10.1.0.0/24");
  await see("10.1.0.0/24");
  assert.equal(stage.changes, 1);
  stage.detection.observe(undefined);
  await see();
  assert.deepEqual([stage.asked.length, stage.changes], [1, 1]);
  assert.deepEqual(stage.matches, [cidr("10.1.0.0/24")]);
  await see("10.2.0.0/24");
  assert.deepEqual([stage.asked.length, stage.changes], [2, 2]);
  assert.deepEqual(stage.matches, [cidr("10.2.0.0/24")]);
});

Deno.test("an answer to an outdated question is not taken", async () => {
  const stage = new Stage("NodeCIDR");
  const slow = Promise.withResolvers<readonly LocalMatch[]>();
  stage.detector = () => slow.promise;
  stage.detection.observe(sampleNode("", { podCIDRs: ["10.1.0.0/24"] }));
  stage.detector = ({ node }) => Promise.resolve(node.podCIDRs.map(cidr));
  stage.detection.observe(sampleNode("", { podCIDRs: ["10.2.0.0/24"] }));
  await stage.settle();
  slow.resolve([cidr("10.1.0.0/24")]);
  await stage.settle();
  assert.deepEqual(stage.matches, [cidr("10.2.0.0/24")]);
  assert.equal(stage.changes, 1);
});

Deno.test("an equal answer is no change", async () => {
  const stage = new Stage("NodeCIDR");
  stage.detector = () => Promise.resolve([{ type: "interface", name: "cni0" }]);
  for (const podCIDR of ["10.1.0.0/24", "10.2.0.0/24"]) {
    stage.detection.observe(sampleNode("", { podCIDRs: [podCIDR] }));
    await stage.settle();
  }
  assert.deepEqual([stage.asked.length, stage.changes], [2, 1]);
});

Deno.test("a detector that fails is asked again with doubling waits up to half a minute", async () => {
  const stage = new Stage("ClusterCIDR");
  stage.detector = () => Promise.reject(new Error("it died"));
  const moments: number[] = [];
  stage.detection.observe(undefined);
  for (let second = 0; second < 100; second++) {
    while (moments.length < stage.asked.length) moments.push(second);
    await stage.clock.advance(1_000);
  }
  assert.deepEqual(moments, [0, 1, 3, 7, 15, 31, 61, 91]);
  assert.match(stage.log[0] ?? "", /^error Cannot tell local traffic; asking .*"err":"it died"/);
  assert.equal(stage.changes, 0);

  stage.detector = () => Promise.resolve([]);
  await stage.clock.advance(30_000);
  assert.deepEqual(stage.matches, []);
  assert.equal(stage.changes, 1);
  await stage.clock.advance(100_000);
  assert.equal(stage.clock.waiting, 0);
});

Deno.test("a newer question ends the waiting for the older one's repetition", async () => {
  const stage = new Stage("NodeCIDR");
  stage.detector = () => Promise.reject(new Error("it died"));
  stage.detection.observe(sampleNode("", { podCIDRs: ["10.1.0.0/24"] }));
  await stage.settle();
  stage.detector = ({ node }) => Promise.resolve(node.podCIDRs.map(cidr));
  stage.detection.observe(sampleNode("", { podCIDRs: ["10.2.0.0/24"] }));
  await stage.clock.advance(60_000);
  assert.equal(stage.asked.length, 2);
  assert.deepEqual(stage.matches, [cidr("10.2.0.0/24")]);
});

Deno.test("a newer question that fails is repeated as soon as a first one", async () => {
  const stage = new Stage("NodeCIDR");
  stage.detector = () => Promise.reject(new Error("it died"));
  stage.detection.observe(sampleNode("", { podCIDRs: ["10.1.0.0/24"] }));
  await stage.clock.advance(20_000);
  stage.detection.observe(sampleNode("", { podCIDRs: ["10.2.0.0/24"] }));
  await stage.settle();
  const before = stage.asked.length;
  await stage.clock.advance(1_000);
  assert.equal(stage.asked.length, before + 1);
});

Deno.test("who is stopped asks no more and takes no answer", async () => {
  const stage = new Stage("ClusterCIDR");
  const slow = Promise.withResolvers<readonly LocalMatch[]>();
  stage.detector = () => slow.promise;
  stage.detection.observe(undefined);
  stage.detection.stop();
  slow.resolve([]);
  await stage.settle();
  stage.detection.observe(sampleNode(""));
  await stage.clock.advance(60_000);
  assert.deepEqual([stage.asked.length, stage.changes], [1, 0]);
  assert.equal(stage.matches, undefined);
});
