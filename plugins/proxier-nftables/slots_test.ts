import assert from "node:assert/strict";
import fc from "fast-check";
import { type Sample, viewOf } from "../../tests/kit/service_port_sample.ts";
import { recordLength, stateOf } from "./service_state.ts";
import { arrange } from "./slots.ts";

/** The slots of endpoints at these hosts, in this order. */
function slots(hosts: readonly number[], local: readonly number[] = []): string {
  const sample: Sample = {
    service: 1,
    family: "IPv4",
    protocol: "TCP",
    port: 80,
    address: 1,
    internal: "cluster",
    endpoints: hosts.map((host) => ({ host, port: 80, local: local.includes(host), set: "both" })),
  };
  return stateOf(viewOf(sample)).slots.cluster;
}

/** The hosts in the slots. */
function hosts(of: string): number[] {
  const found = [];
  for (let at = 0; at < of.length; at += recordLength("IPv4")) found.push(of.charCodeAt(at + 3));
  return found;
}

Deno.test("endpoints that stay keep their slots, the last ones move into the holes", () => {
  const cases: readonly (readonly [before: number[], wanted: number[], after: number[]])[] = [
    [[1, 2, 3], [1, 2, 3], [1, 2, 3]],
    [[1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4]],
    [[1, 2, 3], [2, 3], [3, 2]],
    [[1, 2, 3], [1, 2], [1, 2]],
    [[1, 2, 3], [1, 4], [1, 4]],
    [[1, 2, 3], [4, 5, 6], [4, 5, 6]],
    [[1, 2, 3, 4], [4], [4]],
    [[1, 2, 3, 4], [9], [9]],
    [[1], [1, 2], [1, 2]],
    [[], [1, 2], [1, 2]],
    [[1, 2], [], []],
  ];
  for (const [before, wanted, after] of cases) {
    const arranged = arrange(slots(before), slots(wanted), "IPv4");
    assert.deepEqual(hosts(arranged), after, `${before} → ${wanted}`);
  }
});

Deno.test("an endpoint that comes to this node is a change, though no slot moves", () => {
  const before = slots([1, 2]);
  const after = arrange(before, slots([1, 2], [2]), "IPv4");
  assert.notEqual(after, before);
  assert.deepEqual(hosts(after), [1, 2]);
});

Deno.test("whatever changes, each wanted endpoint has one slot, and its old one if that is still there", () => {
  const any = fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.array(any, { minLength: 2, maxLength: 6 }), (sequence) => {
      let current = slots(sequence[0] ?? []);
      for (const wanted of sequence.slice(1)) {
        const before = hosts(current);
        current = arrange(current, slots(wanted), "IPv4");
        const after = hosts(current);
        assert.deepEqual(after.toSorted((a, b) => a - b), wanted.toSorted((a, b) => a - b));
        for (const [slot, host] of before.slice(0, after.length).entries()) {
          if (wanted.includes(host)) assert.equal(after[slot], host);
        }
      }
    }),
    { seed: 20_251_123, numRuns: 300 },
  );
});
