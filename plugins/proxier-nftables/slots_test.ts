import assert from "node:assert/strict";
import fc from "fast-check";
import { type Sample, viewOf } from "../../tests/kit/service_port_sample.ts";
import { liveSlots, recordLength, type ServiceState, stateOf } from "./service_state.ts";
import { arrange } from "./slots.ts";

/** The state of a service port with endpoints at these hosts, in this order. */
function state(hosts: readonly number[], local: readonly number[] = []): ServiceState {
  const sample: Sample = {
    service: 1,
    family: "IPv4",
    protocol: "TCP",
    port: 80,
    address: 1,
    internal: "cluster",
    endpoints: hosts.map((host) => ({ host, port: 80, local: local.includes(host), set: "both" })),
  };
  return stateOf(viewOf(sample));
}

/** The hosts in the slots, the spare ones after a bar. */
function hosts(of: ServiceState): string {
  const size = recordLength(of.family);
  const found = [];
  for (let at = 0; at < of.slots.length; at += size) found.push(of.slots.charCodeAt(at + 3));
  const live = liveSlots(of);
  return [found.slice(0, live).join(" "), ...of.spares > 0 ? [found.slice(live).join(" ")] : []]
    .join(" | ");
}

Deno.test("endpoints that stay keep their slots, the last ones move into the holes", () => {
  const cases: readonly (readonly [before: number[], wanted: number[], after: string])[] = [
    [[1, 2, 3], [1, 2, 3], "1 2 3"],
    [[1, 2, 3], [1, 2, 3, 4], "1 2 3 4"],
    [[1, 2, 3], [2, 3], "3 2 | 3"],
    [[1, 2, 3], [1, 2], "1 2 | 1"],
    [[1, 2, 3], [1, 4], "1 4 | 1"],
    [[1, 2, 3], [4, 5, 6], "4 5 6"],
    [[1, 2, 3, 4], [4], "4 | 4 4 4"],
    [[1, 2, 3, 4], [9], "9 | 9 9 9"],
    [[1], [1, 2], "1 2"],
  ];
  for (const [before, wanted, after] of cases) {
    assert.equal(hosts(arrange(state(before), state(wanted))), after, `${before} → ${wanted}`);
  }
});

Deno.test("spare slots go with the next change, and stay as long as there is none", () => {
  const shrunk = arrange(state([1, 2, 3]), state([1]));
  assert.equal(hosts(shrunk), "1 | 1 1");
  assert.equal(arrange(shrunk, state([1])), shrunk);
  assert.equal(hosts(arrange(shrunk, state([2]))), "2");
  assert.equal(hosts(arrange(shrunk, state([1, 2]))), "1 2");
});

Deno.test("an endpoint that comes to this node is a change, though no slot moves", () => {
  const before = state([1, 2]);
  const after = arrange(before, state([1, 2], [2]));
  assert.notEqual(after, before);
  assert.equal(hosts(after), "1 2");
});

Deno.test("whatever changes, each wanted endpoint has one slot and a packet with the old count finds one", () => {
  const any = fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.array(any, { minLength: 2, maxLength: 6 }), (sequence) => {
      let current = state(sequence[0] ?? []);
      for (const wanted of sequence.slice(1)) {
        const next = arrange(current, state(wanted));
        const size = recordLength("IPv4");
        const live = hosts(next).split(" | ")[0]?.split(" ").map(Number) ?? [];
        assert.deepEqual(live.toSorted((a, b) => a - b), wanted.toSorted((a, b) => a - b));
        assert.ok(next.slots.length / size >= liveSlots(current));
        assert.equal(
          next.spares,
          Math.max(next === current ? next.spares : 0, liveSlots(current) - live.length, 0),
        );
        const stayed = live.filter((host, slot) =>
          slot < liveSlots(current) && current.slots.charCodeAt(slot * size + 3) === host
        );
        const kept = wanted.filter((host) =>
          hosts(current).split(" | ")[0]?.split(" ").map(Number).slice(0, live.length).includes(
            host,
          )
        );
        assert.equal(stayed.length, kept.length);
        current = next;
      }
    }),
    { seed: 20_251_123, numRuns: 300 },
  );
});
