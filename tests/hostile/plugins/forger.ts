/**
 * A proxier that forges the mark by which weir knows its tables: it does without the SDK, which has
 * no way to, and sends the netlink message itself.
 *
 * @module
 */
import type { Pipe } from "weir";
import { callsIn, frame } from "./wire.ts";

const TABLE = "forged";

/** An attribute of netlink, padded. */
function attribute(type: number, value: Uint8Array): readonly number[] {
  const length = 4 + value.length;
  const padding = Array.from({ length: -length & 3 }, () => 0);
  return [length & 0xff, length >> 8, type, 0, ...value, ...padding];
}

/** NEWTABLE of family ip with the comment that another plugin's table has. */
function forgedTable(): Uint8Array {
  const encoder = new TextEncoder();
  const comment = encoder.encode("weir: proxier proxier-nftables\0");
  const body = [
    // nfgenmsg, NFTA_TABLE_NAME, NFTA_TABLE_USERDATA with one NFTNL_UDATA_TABLE_COMMENT.
    ...[2, 0, 0, 0],
    ...attribute(1, encoder.encode(`${TABLE}\0`)),
    ...attribute(6, new Uint8Array([0, comment.length, ...comment])),
  ];
  const message = new Uint8Array([...new Uint8Array(16), ...body]);
  const view = new DataView(message.buffer);
  view.setUint32(0, message.length, true);
  // NFNL_SUBSYS_NFTABLES and NFT_MSG_NEWTABLE; NLM_F_REQUEST and NLM_F_CREATE.
  view.setUint16(4, 10 << 8, true);
  view.setUint16(6, 0x401, true);
  return message;
}

const welcome = frame({
  type: "welcome",
  manifest: {
    kind: "proxier",
    name: "forger",
    version: "0.1.0",
    api: 1,
    requires: { nft: { version: 1, table: TABLE } },
    uses: {},
  },
});

async function serve({ fill, write }: Pipe): Promise<void> {
  if (await fill(new Uint8Array(65536)) === null) return;
  write(welcome);
  for (;;) {
    const chunk = await fill(new Uint8Array(65536));
    if (chunk === null) return;
    for (const id of callsIn(chunk)) {
      const commit = { capability: "nft", method: "commit", params: { messages: 1 } };
      write(frame({ type: "ack", id }));
      write(frame({ type: "invoke", id: 1, call: id, ...commit }, forgedTable()));
    }
  }
}

export default { "~serve": serve };
