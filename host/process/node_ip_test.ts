/** Which address is the node's own. */
import assert from "node:assert/strict";
import { nodeIps } from "./node_ip.ts";

const CASES = [
  ["the Node's first address", ["10.0.0.1", "fd00::1"], "0.0.0.0", {
    primary: "IPv4",
    addresses: { IPv4: "10.0.0.1", IPv6: "fd00::1" },
  }],
  ["the Node's first address, of IPv6", ["fd00::1", "10.0.0.1"], "0.0.0.0", {
    primary: "IPv6",
    addresses: { IPv4: "10.0.0.1", IPv6: "fd00::1" },
  }],
  ["bindAddress, before the Node's", ["10.0.0.1"], "192.0.2.9", {
    primary: "IPv4",
    addresses: { IPv4: "192.0.2.9" },
  }],
  ["bindAddress, whose family comes first then", ["10.0.0.1"], "fd00:0::9", {
    primary: "IPv6",
    addresses: { IPv4: "10.0.0.1", IPv6: "fd00::9" },
  }],
  ["bindAddress where the Node has none", [], "fd00::9", {
    primary: "IPv6",
    addresses: { IPv6: "fd00::9" },
  }],
  ["the Node's where bindAddress is ::", ["10.0.0.1"], "::", {
    primary: "IPv4",
    addresses: { IPv4: "10.0.0.1" },
  }],
  ["not known where nothing tells", ["node-1"], "0.0.0.0", undefined],
] as const;

for (const [sentence, node, bindAddress, expected] of CASES) {
  Deno.test(`the node's primary address is ${sentence}`, () => {
    assert.deepEqual(nodeIps(node, bindAddress), expected);
  });
}
