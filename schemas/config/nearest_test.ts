import assert from "node:assert/strict";
import { nearest } from "./nearest.ts";

const names = ["conntrack", "clusterCIDR", "mode", "iptables", "ipvs", "min"];

const cases: readonly (readonly [string, string | undefined])[] = [
  ["contrack", "conntrack"],
  ["conntarck", "conntrack"],
  ["clusterCidr", "clusterCIDR"],
  ["MODE", "mode"],
  ["iptable", "iptables"],
  ["mni", "min"],
  ["max", undefined],
  ["quarrel", undefined],
  ["", undefined],
  ["c".repeat(100_000), undefined],
];

for (const [word, name] of cases) {
  Deno.test(`"${word.slice(0, 12)}" ${name ? `is near ${name}` : "is near nothing"}`, () => {
    assert.equal(nearest(word, names), name);
  });
}
