import assert from "node:assert/strict";
import fc from "fast-check";
import { formatIp, parseIp } from "../../schemas/ip.ts";
import { canonicalIp, isCanonicalIpv4, isCanonicalIpv6 } from "./address.ts";

const addresses: readonly [text: string, v4: string | undefined, v6: string | undefined][] = [
  ["10.0.0.1", "10.0.0.1", undefined],
  ["0.0.0.0", "0.0.0.0", undefined],
  ["255.255.255.255", "255.255.255.255", undefined],
  ["256.0.0.1", undefined, undefined],
  ["010.0.0.1", undefined, undefined],
  ["10.0.0.00", undefined, undefined],
  ["10.0.1", undefined, undefined],
  ["10.0.0.0.1", undefined, undefined],
  ["10..0.1", undefined, undefined],
  ["10.0.0.1.", undefined, undefined],
  [".10.0.0.1", undefined, undefined],
  ["10.0.0.1 ", undefined, undefined],
  ["", undefined, undefined],
  ["None", undefined, undefined],
  ["FD00:0:0::0:1", undefined, "fd00::1"],
  ["fd00::1", undefined, "fd00::1"],
  ["fd00::1%eth0", undefined, undefined],
  ["::ffff:10.0.0.1", undefined, undefined],
  ["::ffff:a00:1", undefined, undefined],
  ["::", undefined, "::"],
  [":::", undefined, undefined],
  ["1::", undefined, "1::"],
  ["1:", undefined, undefined],
  [":1", undefined, undefined],
  ["::1::", undefined, undefined],
  ["1:2:3:4:5:6:7:8", undefined, "1:2:3:4:5:6:7:8"],
  ["1:2:3:4:5:6:7::", undefined, "1:2:3:4:5:6:7:0"],
  ["1:0:0:2:0:0:0:3", undefined, "1:0:0:2::3"],
  ["1::2:0:0:3", undefined, "1::2:0:0:3"],
  ["1:0:0:2::3", undefined, "1:0:0:2::3"],
  ["fd00::0:1", undefined, "fd00::1"],
  ["::ffff:0:a00:1", undefined, "::ffff:0:a00:1"],
];

for (const [text, v4, v6] of addresses) {
  Deno.test(`The address ${JSON.stringify(text)} reads as ${v4 ?? v6 ?? "no address"}`, () => {
    assert.equal(canonicalIp(text, "IPv4"), v4);
    assert.equal(canonicalIp(text, "IPv6"), v6);
  });
}

Deno.test("Every IPv4 address that the strict parser prints is canonical, and only those", () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.stringMatching(/^[0-9.]{0,16}$/)), (text) => {
      const bytes = parseIp(text);
      assert.equal(isCanonicalIpv4(text), bytes !== undefined && formatIp(bytes) === text);
    }),
    { seed: 6, numRuns: 2_000 },
  );
});

Deno.test("Every IPv6 address that the strict parser prints is canonical, and only those", () => {
  const group = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom("0", "", "00", "ffff", "A") },
    fc.nat({ max: 0xffff }).map((value) => value.toString(16)),
  );
  const text = fc.oneof(
    fc.ipV6(),
    fc.array(group, { minLength: 1, maxLength: 10 }).map((groups) => groups.join(":")),
    fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) =>
      formatIp(bytes.map((byte, index) => index % 4 < 2 || byte < 128 ? 0 : byte))
    ),
  );
  fc.assert(
    fc.property(text, (text) => {
      const bytes = parseIp(text);
      const canonical = bytes?.length === 16 && formatIp(bytes) === text;
      assert.equal(isCanonicalIpv6(text), canonical, text);
    }),
    { seed: 7, numRuns: 20_000 },
  );
});
