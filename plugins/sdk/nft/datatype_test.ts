import assert from "node:assert/strict";
import fc from "fast-check";
import { WeirError } from "../../../schemas/errors.ts";
import { formatIp, parseIp } from "../../../schemas/ip.ts";
import { writeAddress } from "./mod.ts";
import { DATA_TYPES, type DataTypeName, ipv4Word, ipv6Words } from "./datatype.ts";

Deno.test("every address is read as schemas/ip.ts reads it", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ minLength: 4, maxLength: 4 }),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
      ),
      (bytes) => {
        const text = formatIp(bytes);
        const words = new Uint32Array(4);
        const count = writeAddress(text, words, 0);
        assert.deepEqual(new Uint8Array(words.buffer, 0, count * 4), new Uint8Array(bytes));
      },
    ),
    { seed: 7, numRuns: 2000 },
  );
});

Deno.test("no text that is no address is taken for one", () => {
  const pieces = fc.constantFrom(
    "::",
    ":",
    ".",
    "0",
    "1",
    "01",
    "255",
    "256",
    "ffff",
    "fffff",
    "g",
    "-",
    " ",
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
      const text = parts.join("");
      const expected = parseIp(text);
      const words = new Uint32Array(4);
      if (expected === undefined) {
        assert.equal(ipv4Word(text), -1, text);
        assert.equal(ipv6Words(text, words, 0), false, text);
        assert.throws(() => writeAddress(text, words, 0), WeirError, text);
      } else {
        const count = writeAddress(text, words, 0);
        assert.deepEqual(new Uint8Array(words.buffer, 0, count * 4), expected, text);
      }
    }),
    { seed: 7, numRuns: 5000, examples: [[["1", "::"]], [["::", "1"]], [["::"]], [["1", ":"]]] },
  );
});

Deno.test("a value lies in memory as the kernel wants it and reads back as text", () => {
  const cases: readonly (readonly [DataTypeName, string | number, number[], string])[] = [
    ["ipv4_addr", "10.0.0.1", [10, 0, 0, 1], "10.0.0.1"],
    ["ipv6_addr", "fd00::1:0", [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0], "fd00::1:0"],
    [
      "ipv6_addr",
      "::ffff:1.2.3.4",
      [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 1, 2, 3, 4],
      "::ffff:102:304",
    ],
    ["inet_proto", "sctp", [132, 0, 0, 0], "sctp"],
    ["inet_proto", 99, [99, 0, 0, 0], "99"],
    ["inet_service", 0x1234, [0x12, 0x34, 0, 0], "4660"],
    ["mark", 0x4000, [0, 0x40, 0, 0], "0x00004000"],
    ["integer", 258, [2, 1, 0, 0], "258"],
    ["ifname", "eth0", [0x65, 0x74, 0x68, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], '"eth0"'],
  ];
  for (const [name, value, bytes, text] of cases) {
    const type = DATA_TYPES[name];
    const words = new Uint32Array(type.words + 2);
    type.write(value, words, 1);
    assert.deepEqual([...new Uint8Array(words.buffer, 4, type.words * 4)], bytes, name);
    assert.equal(type.format(words, 1), text);
    assert.equal(words[0], 0);
    assert.equal(words[type.words + 1], 0);
  }
});

Deno.test("a value of another type is refused with what it should be", () => {
  const cases: readonly (readonly [DataTypeName, string | number, RegExp])[] = [
    ["ipv4_addr", "10.1", /Cannot encode IPv4 address "10.1": it has not four octets/],
    ["ipv4_addr", "fd00::1", /IPv4 address/],
    ["ipv4_addr", 7, /IPv4 address/],
    ["ipv6_addr", "10.0.0.1", /Cannot encode IPv6 address "10.0.0.1": it is an IPv4 address/],
    ["ipv6_addr", "fd00", /Cannot parse IP address "fd00"/],
    ["ipv6_addr", 7, /it is a number/],
    ["inet_proto", "quic", /Cannot encode protocol "quic"/],
    ["inet_proto", 256, /0 to 255/],
    ["inet_service", 65_536, /Cannot encode port "65536": it is no integer from 0 to 65535/],
    ["inet_service", "80", /no integer/],
    ["inet_service", 1.5, /no integer/],
    ["mark", -1, /no integer/],
    ["ifname", "sixteen-letters-", /Cannot encode interface name/],
    ["ifname", "a/b", /Cannot encode interface name/],
    ["ifname", "éééééééé", /longer than 15 bytes/],
  ];
  for (const [name, value, message] of cases) {
    assert.throws(() => DATA_TYPES[name].write(value, new Uint32Array(4), 0), { message }, name);
  }
});
