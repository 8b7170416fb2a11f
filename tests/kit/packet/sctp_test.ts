import assert from "node:assert/strict";
import { crc32c, readSctp, type SctpPacket, writeSctp } from "./sctp.ts";

const PACKET: SctpPacket = {
  sourcePort: 20001,
  targetPort: 80,
  verificationTag: 0xdeadbeef,
  chunk: "init-ack",
  initiateTag: 7,
  cookie: new TextEncoder().encode("backend-0 fd00::1"),
};

Deno.test("the checksum is CRC32c", () => {
  // The check value of CRC-32/ISCSI; 32 zero bytes are from RFC 3720 appendix B.4.
  assert.equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
});

Deno.test("a packet reads back over IPv6, and over IPv4 behind its header", () => {
  const bytes = writeSctp(PACKET);
  assert.deepEqual({ ...readSctp(bytes, 6) }, PACKET);
  const behind = new Uint8Array(24 + bytes.length);
  behind[0] = 0x46; // IPv4 with 6 words of header: one of options
  behind.set(bytes, 24);
  assert.deepEqual({ ...readSctp(behind, 4) }, PACKET);
  const init: SctpPacket = { ...PACKET, chunk: "init", cookie: new Uint8Array(0) };
  assert.deepEqual({ ...readSctp(writeSctp(init), 6) }, init);
});

Deno.test("a packet with any byte changed is not taken", () => {
  const bytes = writeSctp(PACKET);
  for (const at of bytes.keys()) {
    const damaged = bytes.slice();
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    assert.equal(readSctp(damaged, 6), undefined, `byte ${at}`);
  }
  assert.equal(readSctp(new Uint8Array(20), 6), undefined);
});
