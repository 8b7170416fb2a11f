import assert from "node:assert/strict";
import fc from "fast-check";
import { formatBindAddress, parseBindAddress } from "./bind_address.ts";

const good: readonly (readonly [string, string])[] = [
  ["0.0.0.0:10256", "0.0.0.0:10256"],
  ["127.0.0.1", "127.0.0.1:7"],
  ["::", "[::]:7"],
  ["fd00:0::1", "[fd00::1]:7"],
  ["[::]:10256", "[::]:10256"],
  ["[FD00::1]:1", "[fd00::1]:1"],
  ["10.0.0.1:65535", "10.0.0.1:65535"],
];

for (const [text, canonical] of good) {
  Deno.test(`a server address "${text}" is read as ${canonical}`, () => {
    const address = parseBindAddress(text, 7);
    assert.ok(typeof address === "object", String(address));
    assert.equal(formatBindAddress(address), canonical);
  });
}

const bad: readonly (readonly [string, string])[] = [
  ["localhost:10256", '"localhost" is no IP address'],
  [":10256", '"" is no IP address'],
  ["10256", "it is neither IP:port nor an IP address"],
  ["10.0.0.1:0", '"0" is no port from 1 to 65535'],
  ["10.0.0.1:65536", '"65536" is no port from 1 to 65535'],
  ["10.0.0.1:http", '"http" is no port from 1 to 65535'],
  ["10.0.0.1:+80", '"+80" is no port from 1 to 65535'],
  ["010.0.0.1:80", '"010.0.0.1" is no IP address'],
  ["[10.0.0.1]:80", "only an IPv6 address takes brackets, and needs them"],
  ["[::1]", '"[:" is no IP address'],
];

for (const [text, why] of bad) {
  Deno.test(`a server address "${text}" is refused with the reason`, () => {
    assert.equal(parseBindAddress(text, 7), why);
  });
}

Deno.test("the text of any server address reads back as the same address", () => {
  const ip = fc.oneof(fc.ipV4(), fc.ipV6());
  fc.assert(fc.property(ip, fc.integer({ min: 1, max: 65535 }), (host, port) => {
    const first = parseBindAddress(host, port);
    assert.ok(typeof first === "object", String(first));
    assert.deepEqual(parseBindAddress(formatBindAddress(first), 1), first);
  }));
});
