import assert from "node:assert/strict";
import { readIpvs } from "./ipvs.ts";

const HEADINGS = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
`;

const TEXTS = [
  ["a kernel without IPVS", "", 0, 0],
  ["IPVS without virtual servers", HEADINGS, 0, 0],
  [
    "virtual servers of both families, by mark too, with backends",
    `${HEADINGS}TCP  0A600001:0050 rr \n` +
    "  -> 0AF4000B:1F90      Masq    1      3          9         \n" +
    "  -> 0AF4000C:1F90      Masq    0      2          0         \n" +
    "UDP  [fd00:0010:0096:0000:0000:0000:0000:0001]:0035 rr persistent 10800 FFFFFFFF\n" +
    "  -> [fd00:0010:0244:0000:0000:0000:0000:000b]:0035 Masq    1      0          4         \n" +
    "FWM  00000001 wlc \n",
    3,
    5,
  ],
] as const;

for (const [sentence, text, virtualServers, connections] of TEXTS) {
  Deno.test(`${sentence}: ${virtualServers} virtual servers, ${connections} connections`, () => {
    assert.deepEqual(readIpvs(text), { virtualServers, connections });
  });
}
