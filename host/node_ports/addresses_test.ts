import assert from "node:assert/strict";
import {
  listenAddresses,
  primaryAddresses,
  resolveNodePortAddresses,
  selectNodePortAddresses,
} from "./addresses.ts";

const LOCAL = [
  "127.0.0.1",
  "192.0.2.7",
  "10.0.0.7",
  "10.0.0.8",
  "::1",
  "2001:db8::7",
  "fd00::7",
  "fe80::1",
];
const PRIMARY = { IPv4: "192.0.2.7", IPv6: "2001:db8::7" };

const cases: readonly (readonly [entries: string, answers: string])[] = [
  ["primary", "192.0.2.7 2001:db8::7"],
  ["all", "every"],
  ["0.0.0.0/0,::/0", "every"],
  ["primary,all", "every"],
  // A family that is not named answers everywhere, as kube-proxy has it.
  ["0.0.0.0/0", "every"],
  ["::/0", "every"],
  ["10.0.0.0/8", "10.0.0.7 10.0.0.8 2001:db8::7 fd00::7"],
  ["fd00::/8", "10.0.0.7 10.0.0.8 192.0.2.7 fd00::7"],
  ["0.0.0.0/0,fd00::/8", "10.0.0.7 10.0.0.8 192.0.2.7 fd00::7"],
  ["10.0.0.8/32,fd00::/8", "10.0.0.8 fd00::7"],
  ["primary,10.0.0.8/32", "10.0.0.8 192.0.2.7 2001:db8::7"],
  ["localhost", ""],
  ["localhost,10.0.0.0/29", "10.0.0.7"],
  ["primary,localhost", "192.0.2.7 2001:db8::7"],
  ["127.0.0.0/8,::1/128,fe80::/10", ""],
  ["203.0.113.0/24,2001:db8:9::/48", ""],
];

for (const [entries, answers] of cases) {
  Deno.test(`with nodePortAddresses ${entries}, NodePorts answer on ${answers || "none"}`, () => {
    const resolved = resolveNodePortAddresses(
      selectNodePortAddresses(entries.split(",")),
      LOCAL,
      PRIMARY,
    );
    assert.equal(resolved.type === "every" ? "every" : resolved.addresses.join(" "), answers);
  });
}

for (
  const [entries, IPv4, IPv6] of [
    ["localhost", true, true],
    ["primary,localhost", true, true],
    ["127.0.0.1/32,primary", true, false],
    ["primary,::1/128", false, true],
    ["all", false, false],
    ["0.0.0.0/0,::/0", false, false],
    ["0.0.0.0/1,::/64", false, false],
    ["all,localhost", true, true],
  ] as const
) {
  Deno.test(`nodePortAddresses ${entries} names loopback of IPv4: ${IPv4}, of IPv6: ${IPv6}`, () => {
    const selection = selectNodePortAddresses(entries.split(","));
    assert.deepEqual([selection.IPv4.loopback, selection.IPv6.loopback], [IPv4, IPv6]);
  });
}

Deno.test("loopback is asked for in vain when nothing relays from it", () => {
  const { IPv4, IPv6 } = selectNodePortAddresses(["localhost", "10.0.0.0/8"], false);
  assert.deepEqual([IPv4.loopback, IPv6.loopback], [false, false]);
  assert.deepEqual([IPv4.unnamed, IPv6.unnamed], [false, false], "it is named all the same");
});

Deno.test("the Node's own address is the first of each family, and must be on this node", () => {
  const primary = primaryAddresses([
    "nonsense",
    "203.0.113.9",
    "FD00:0::7",
    "192.0.2.7",
    "fd00::8",
  ]);
  assert.deepEqual(primary, { IPv4: "203.0.113.9", IPv6: "fd00::7" });
  const selection = selectNodePortAddresses(["primary"]);
  assert.deepEqual(resolveNodePortAddresses(selection, LOCAL, primary), {
    type: "listed",
    addresses: ["fd00::7"],
  });
});

Deno.test("servers listen on both families at once where the node has both", () => {
  assert.deepEqual(listenAddresses({ type: "every" }, LOCAL), ["::"]);
  assert.deepEqual(listenAddresses({ type: "every" }, ["127.0.0.1", "192.0.2.7"]), ["0.0.0.0"]);
  const listed = { type: "listed", addresses: ["192.0.2.7", "fd00::7"] } as const;
  assert.deepEqual(listenAddresses(listed, LOCAL), ["192.0.2.7", "fd00::7"]);
});
