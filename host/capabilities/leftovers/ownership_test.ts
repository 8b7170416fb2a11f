import assert from "node:assert/strict";
import { isKubeProxyChain, isKubeProxyCounter, isKubeProxySet } from "./ownership.ts";

const CHAINS: readonly (readonly [string, boolean])[] = [
  ["KUBE-SERVICES", true],
  ["KUBE-PROXY-CANARY", true],
  ["KUBE-SVC-ERIFXISQEP7F7OF4", true],
  ["KUBE-XLB-ERIFXISQEP7F7OF4", true],
  ["KUBE-IPVS-OUT-FILTER", true],
  ["KUBE-PORTALS-HOST", true],
  ["KUBE-MARK-MASQ", false],
  ["KUBE-MARK-DROP", false],
  ["KUBE-FIREWALL", false],
  ["KUBE-KUBELET-CANARY", false],
  ["KUBE-IPTABLES-HINT", false],
  ["KUBE-ROUTER-SERVICES", false],
  ["KUBE-SVCS", false],
  ["MY-KUBE-SERVICES", false],
  ["POSTROUTING", false],
  ["cali-nat-OUTPUT", false],
];

for (const [chain, theirs] of CHAINS) {
  Deno.test(`the chain ${chain} is ${theirs ? "kube-proxy's" : "somebody else's and stays"}`, () => {
    assert.equal(isKubeProxyChain(chain), theirs);
  });
}

const SETS: readonly (readonly [string, boolean])[] = [
  ["KUBE-CLUSTER-IP", true],
  ["KUBE-6-CLUSTER-IP", true],
  // Cut where ipset's longest name ends.
  ["KUBE-6-LOAD-BALANCER-SOURCE-CID", true],
  ["KUBE-6-LOAD-BALANCER-SOURCE-CIDR", false],
  ["KUBE-SRC-PODS", false],
  ["KUBE-CLUSTER-IPS", false],
  ["cali40all", false],
];

for (const [set, theirs] of SETS) {
  Deno.test(`the set ${set} is ${theirs ? "kube-proxy's" : "somebody else's and stays"}`, () => {
    assert.equal(isKubeProxySet(set), theirs);
  });
}

Deno.test("only the two counters of kube-proxy are its own", () => {
  assert.deepEqual(
    ["ct_state_invalid_dropped_pkts", "localhost_nps_accepted_pkts", "http"]
      .map(isKubeProxyCounter),
    [true, true, false],
  );
});
