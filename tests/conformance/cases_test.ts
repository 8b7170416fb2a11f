import assert from "node:assert/strict";
import { CASES } from "./cases.ts";

Deno.test("there are at least 150 flows of either family, each with a rule and its source", () => {
  for (const family of ["IPv4", "IPv6"]) {
    const flows = CASES.filter(({ name }) => name.endsWith(`(${family})`))
      .flatMap(({ steps }) => steps.flatMap(({ flows }) => flows));
    assert.ok(flows.length >= 150, `${flows.length} flows`);
    for (const { rule } of flows) assert.match(rule, /^.{20,} \(.+\)\.$/);
  }
});

Deno.test("no two cases share an address, a NodePort or a Service", () => {
  const owners = new Map<string, string>();
  for (const { name, steps } of CASES) {
    for (const object of steps.flatMap(({ objects }) => objects)) {
      if (object.kind !== "Service") continue;
      const owned = [
        `Service ${object.namespace}/${object.name}`,
        ...object.clusterIPs.filter((address) => address !== "None"),
        ...object.externalIPs,
        ...object.loadBalancerIngress.map(({ ip }) => ip),
        ...object.ports.filter(({ nodePort }) => nodePort > 0)
          .map(({ nodePort }) => `NodePort ${nodePort} of ${name.slice(-6)}`),
      ];
      for (const key of owned) {
        assert.equal(owners.get(key) ?? name, name, key);
        owners.set(key, name);
      }
    }
  }
});
