import assert from "node:assert/strict";
import { FormerPorts } from "./former_ports.ts";
import { samplePort } from "./sample.ts";

function addresses(former: FormerPorts, ids: Iterable<string> | "all"): string[] {
  return former.take(ids).map(({ clusterIP }) => clusterIP);
}

const PORT = samplePort();

Deno.test("A port that is gone or has moved is remembered without its endpoints, until it is taken", () => {
  const former = new FormerPorts();
  former.replaced(PORT, { ...PORT, clusterIP: "10.96.0.11" });
  former.replaced({ ...PORT, clusterIP: "10.96.0.11" }, undefined);
  const taken = former.take([PORT.id]);
  assert.deepEqual(taken.map(({ clusterIP }) => clusterIP), ["10.96.0.10", "10.96.0.11"]);
  assert.deepEqual(taken.map(({ endpoints }) => endpoints), [[], []]);
  assert.deepEqual(addresses(former, "all"), []);
});

Deno.test("A port that only has other endpoints is where it was", () => {
  const former = new FormerPorts();
  former.replaced(PORT, { ...PORT, endpoints: [] });
  assert.deepEqual(addresses(former, "all"), []);
});

Deno.test("What was not asked for is kept", () => {
  const former = new FormerPorts();
  const other = samplePort({ name: "other", clusterIP: "10.96.0.20" });
  former.replaced(PORT, undefined);
  former.replaced(other, undefined);
  assert.deepEqual(addresses(former, [PORT.id, "default/nobody/UDP/IPv4"]), ["10.96.0.10"]);
  assert.deepEqual(addresses(former, "all"), ["10.96.0.20"]);
});

Deno.test("Of too many the oldest are forgotten", () => {
  const former = new FormerPorts(2);
  for (const last of [1, 2, 3]) {
    former.replaced(samplePort({ name: `dns-${last}`, clusterIP: `10.96.0.${last}` }), undefined);
  }
  assert.deepEqual(addresses(former, "all"), ["10.96.0.2", "10.96.0.3"]);
  for (const last of [4, 5, 6]) {
    former.replaced({ ...PORT, clusterIP: `10.96.0.${last}` }, undefined);
  }
  assert.deepEqual(addresses(former, "all"), ["10.96.0.5", "10.96.0.6"]);
});
