import assert from "node:assert/strict";
import type { Log } from "../../schemas/capability.ts";
import { selectNodePortAddresses } from "./addresses.ts";
import { NodePortWatch, type NodePortWatchOptions } from "./watch.ts";
import { sampleNode } from "../samples.ts";
import { SimulatedClock } from "../simulated_clock.ts";

const KERNEL = {
  addresses: ["127.0.0.1", "192.0.2.7", "10.0.0.7", "::1", "fd00::7"],
  sources: { IPv4: "192.0.2.7" },
};

function stage(
  entries: string,
  standalone = false,
  bound?: NodePortWatchOptions["bound"],
) {
  const lines: string[] = [];
  const at = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  const log: Log = { debug: () => {}, info: () => {}, warn: at("warn"), error: at("error") };
  const clock = new SimulatedClock();
  const told: string[] = [];
  const watch = new NodePortWatch({
    selection: selectNodePortAddresses(entries.split(",")),
    standalone,
    ...(bound === undefined ? {} : { bound }),
    changed: () => {
      const { addresses } = watch;
      told.push(addresses?.type === "listed" ? addresses.addresses.join(" ") : "every");
    },
    clock,
    log,
  });
  return { watch, clock, told, lines };
}

const node = (...addresses: string[]) => sampleNode("", { addresses });

Deno.test("nothing is said before both the Node and the kernel have told their addresses", () => {
  const { watch, told } = stage("primary");
  watch.observeKernel(KERNEL);
  watch.observeNode(undefined, false);
  assert.deepEqual([watch.addresses, watch.listen], [undefined, []]);
  watch.observeNode(node("192.0.2.7", "fd00::7"), false);
  assert.deepEqual(told, ["192.0.2.7 fd00::7"]);
  assert.deepEqual(watch.listen, ["192.0.2.7", "fd00::7"]);
});

Deno.test("what does not depend on the Node does not wait for it", () => {
  const { watch, told } = stage("10.0.0.0/8,fd00::/8");
  watch.observeKernel(KERNEL);
  assert.deepEqual(told, ["10.0.0.7 fd00::7"]);
});

Deno.test("a cluster without this Node, or a Node without addresses, holds nothing up", () => {
  for (const missing of [undefined, node()]) {
    const { watch, told } = stage("primary");
    watch.observeKernel(KERNEL);
    watch.observeNode(missing, true);
    assert.deepEqual(told, [""]);
    watch.observeNode(node("192.0.2.7"), true);
    assert.deepEqual(told, ["", "192.0.2.7"]);
  }
});

Deno.test("a Node that cannot be listed is waited for 30 seconds", async () => {
  const { watch, clock, told } = stage("primary");
  watch.observeKernel(KERNEL);
  await clock.advance(29_999);
  assert.deepEqual(told, []);
  await clock.advance(1);
  assert.deepEqual(told, [""]);
  watch.observeNode(node("192.0.2.7"), true);
  assert.deepEqual(told, ["", "192.0.2.7"]);
});

Deno.test("every change of the answer is told, and nothing else", () => {
  const { watch, told } = stage("primary,10.0.0.0/8");
  watch.observeNode(node("192.0.2.7"), true);
  watch.observeKernel(KERNEL);
  watch.observeNode(node("192.0.2.7"), true);
  watch.observeKernel({ ...KERNEL, addresses: [...KERNEL.addresses, "172.16.0.1"] });
  watch.observeKernel({ ...KERNEL, addresses: [...KERNEL.addresses, "10.0.0.8"] });
  watch.observeNode(node("172.16.0.1"), true);
  watch.observeKernel({ ...KERNEL, addresses: ["172.16.0.1"] });
  assert.deepEqual(told, [
    "10.0.0.7 192.0.2.7",
    "10.0.0.7 10.0.0.8 192.0.2.7",
    "10.0.0.7 10.0.0.8",
    "172.16.0.1",
  ]);
});

Deno.test("a Node that is gone, or has lost its addresses, keeps those it had", () => {
  const { watch, told } = stage("primary");
  watch.observeKernel(KERNEL);
  watch.observeNode(node("192.0.2.7"), true);
  watch.observeNode(undefined, true);
  watch.observeNode(node(), true);
  assert.deepEqual(told, ["192.0.2.7"]);
});

Deno.test("with manifests that have no Node, the default routes tell the node's own addresses", () => {
  const { watch, told } = stage("primary", true);
  watch.observeKernel(KERNEL);
  watch.observeNode(undefined, true);
  watch.observeNode(node("10.0.0.7"), true);
  assert.deepEqual(told, ["192.0.2.7", "10.0.0.7"]);
});

Deno.test("an operator is told once of what may not have been meant", () => {
  const { watch, lines } = stage("primary");
  watch.observeKernel(KERNEL);
  watch.observeNode(node("203.0.113.9"), true);
  watch.observeKernel({ ...KERNEL, addresses: ["127.0.0.1"] });
  assert.deepEqual(lines, [
    "warn NodePorts do not answer on the Node's own address 203.0.113.9: no interface has it",
  ]);
  const other = stage("10.0.0.0/8");
  other.watch.observeKernel(KERNEL);
  assert.deepEqual(other.lines, [
    "warn NodePorts answer on every IPv6 address: nodePortAddresses has no IPv6 entry",
  ]);
});

Deno.test("another selection is followed at once, and one that has to wait changes nothing yet", () => {
  const { watch, told } = stage("10.0.0.0/8,::1/128");
  watch.observeKernel(KERNEL);
  watch.reselect({ selection: selectNodePortAddresses(["primary"]), standalone: false });
  assert.deepEqual(told, ["10.0.0.7"]);
  watch.observeNode(node("192.0.2.7"), true);
  assert.deepEqual(told, ["10.0.0.7", "192.0.2.7"]);
  const selection = selectNodePortAddresses(["primary", "fd00::/8"]);
  watch.reselect({ selection, standalone: false });
  assert.equal(told.at(-1), "192.0.2.7 fd00::7");
});

Deno.test("bindAddress stands for the Node's own address of its family", () => {
  const { watch, told } = stage("primary", false, { family: "IPv4", address: "10.0.0.7" });
  watch.observeKernel(KERNEL);
  watch.observeNode(node("192.0.2.7", "fd00::7"), true);
  assert.deepEqual(told, ["10.0.0.7 fd00::7"]);
});

Deno.test("another bindAddress is followed at once, and so is none", () => {
  const { watch, told } = stage("primary");
  const selection = selectNodePortAddresses(["primary"]);
  watch.observeKernel(KERNEL);
  watch.observeNode(node("192.0.2.7"), true);
  const bound = { family: "IPv4", address: "10.0.0.7" } as const;
  watch.reselect({ selection, standalone: false, bound });
  watch.reselect({ selection, standalone: false });
  assert.deepEqual(told, ["192.0.2.7", "10.0.0.7", "192.0.2.7"]);
});
