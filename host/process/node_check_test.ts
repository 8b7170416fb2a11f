/** What weir finds out about its node, and when. */
import assert from "node:assert/strict";
import type { WeirError } from "../../schemas/errors.ts";
import { sampleNode } from "../samples.ts";
import { SimulatedClock } from "../simulated_clock.ts";
import { NodeCheck, type NodeCheckConfig, type NodeCheckOptions } from "./node_check.ts";

const CONFIG: NodeCheckConfig = {
  manifests: "",
  bindAddress: "0.0.0.0",
  clusterCIDRs: [],
  detectLocalMode: "ClusterCIDR",
  healthzBindAddress: "",
  metricsBindAddress: "",
};

function start(
  config: Partial<NodeCheckConfig> = {},
  support: Partial<Pick<NodeCheckOptions, "served" | "lacking">> = {},
) {
  const clock = new SimulatedClock();
  const lines: string[] = [];
  const faults: WeirError[] = [];
  const say = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) =>
    void lines.push(`${level} ${message}${fields === undefined ? "" : JSON.stringify(fields)}`);
  const check = new NodeCheck({ ...CONFIG, ...config }, {
    served: ["IPv4", "IPv6"],
    lacking: {},
    fail: (fault) => faults.push(fault),
    clock,
    log: { debug: say("D"), info: say("I"), warn: say("W"), error: say("E") },
    ...support,
  });
  return { check, clock, lines, faults };
}

const IPV4_ONLY = { served: ["IPv4"], lacking: { IPv6: "it has no IPv6" } } as const;
const ASSUMING =
  "W Cannot tell this node's IP, assuming loopback; if that is wrong, give --bind-address";

Deno.test("the Node's first address tells the primary family, said once", async () => {
  const { check, clock, lines, faults } = start();
  check.observe(undefined, false);
  check.observe(sampleNode("a", { addresses: ["fd00::1", "10.0.0.1"] }), true);
  check.observe(sampleNode("a", { addresses: ["fd00::1", "10.0.0.1"] }), true);
  await clock.advance(60_000);
  assert.deepEqual(lines, ['I Running in dual-stack mode{"primary":"IPv6","address":"fd00::1"}']);
  assert.deepEqual(faults, []);
});

Deno.test("bindAddress tells at once, and nothing is waited for", async () => {
  const { clock, lines } = start({ bindAddress: "192.0.2.9" });
  await clock.advance(60_000);
  assert.deepEqual(lines, ['I Running in dual-stack mode{"primary":"IPv4","address":"192.0.2.9"}']);
});

Deno.test("a Node without addresses is waited for 30 s, then loopback is assumed, with a warning", async () => {
  const { check, clock, lines } = start();
  check.observe(sampleNode("a", { addresses: [] }), true);
  await clock.advance(29_999);
  assert.deepEqual(lines, []);
  await clock.advance(1);
  assert.deepEqual(lines, [
    ASSUMING,
    'I Running in dual-stack mode{"primary":"IPv4","address":"127.0.0.1"}',
  ]);
});

Deno.test("a folder of manifests without a Node surprises nobody", async () => {
  const { check, clock, lines } = start({ manifests: "/somewhere" });
  check.observe(undefined, true);
  await clock.advance(60_000);
  assert.deepEqual(lines, ['I Running in dual-stack mode{"primary":"IPv4","address":"127.0.0.1"}']);
});

Deno.test("a kernel of one family runs in single-stack mode where that is the primary one", () => {
  const { check, lines, faults } = start({}, IPV4_ONLY);
  check.observe(sampleNode("a", { addresses: ["10.0.0.1", "fd00::1"] }), true);
  assert.deepEqual(lines, [
    'I Running in single-stack mode{"primary":"IPv4","address":"10.0.0.1"}',
  ]);
  assert.deepEqual(faults, []);
});

for (
  const [sentence, config, addresses] of [
    ["a Node", {}, ["fd00::1"]],
    ["bindAddress", { bindAddress: "fd00::9" }, []],
  ] as const
) {
  Deno.test(`${sentence} of a family that the kernel lacks stops weir, with the reason`, () => {
    const { check, faults } = start(config, IPV4_ONLY);
    check.observe(sampleNode("a", { addresses }), true);
    assert.deepEqual(faults.map(({ code, message }) => [code, message]), [[
      "WEIR_KERNEL",
      'Cannot serve "IPv6", the primary family of this node: the kernel lacks it: ' +
      "it has no IPv6; or name an address of another family with --bind-address",
    ]]);
  });
}

Deno.test("podCIDRs of the wrong family stop weir whenever they come", () => {
  const { check, faults } = start({ detectLocalMode: "NodeCIDR" });
  const addresses = ["10.0.0.1"];
  check.observe(sampleNode("a", { addresses }), true);
  assert.deepEqual(faults, []);
  check.observe(sampleNode("a", { addresses, podCIDRs: ["fd00:1::/64"] }), true);
  assert.deepEqual(faults.map(({ code }) => code), ["WEIR_NODE"]);
});

Deno.test("a warning is given once, whatever the Node does", () => {
  const { check, lines } = start({ clusterCIDRs: ["fd00::/48"] });
  for (let round = 0; round < 3; round++) {
    const podCIDRs = [`10.244.${round}.0/24`];
    check.observe(sampleNode("a", { addresses: ["10.0.0.1"], podCIDRs }), true);
  }
  assert.equal(lines.filter((line) => line.startsWith("W clusterCIDR may be wrong")).length, 1);
});

Deno.test("another configuration that does not fit the node is refused before it comes into force", () => {
  const { check, lines, faults } = start({}, IPV4_ONLY);
  assert.equal(check.faultOf({ ...CONFIG, clusterCIDRs: ["fd00::/48"] }), undefined);
  check.observe(sampleNode("a", { addresses: ["10.0.0.1"] }), true);
  assert.equal(
    check.faultOf({ ...CONFIG, clusterCIDRs: ["fd00::/48"] })?.code,
    "WEIR_CONFIG_INVALID",
  );
  assert.equal(check.faultOf({ ...CONFIG, bindAddress: "fd00::9" })?.code, "WEIR_KERNEL");
  const fitting = { ...CONFIG, healthzBindAddress: "[fd00::1]:10256" };
  assert.equal(check.faultOf(fitting), undefined);
  check.reconfigure(fitting);
  assert.deepEqual(faults, []);
  assert.match(lines.at(-1) ?? "", /^W healthzBindAddress may be wrong/);
});
