/**
 * The number of nf_tables' generation in a network namespace: each commit that changes something
 * adds one, so that who knows it knows whether anything has changed.
 *
 * @module
 */
import type { NftFamily } from "../../../schemas/capability.ts";
import { errnoOf } from "../errno.ts";
import { NetlinkError, type NetlinkSocket } from "../netlink.ts";
import { MessageWriter, type NetlinkMessage, NLM_F, readAttributes } from "../netlink_message.ts";
import { FAMILY, NFT_ATTRIBUTES, NFT_SUBSYSTEM, NFTA_TABLE } from "./listing.ts";

/** NFT_MSG_NEWGEN: the end of a commit, with who made it. */
export const NFT_MSG_NEWGEN = 15;
const NFT_MSG_GETGEN = 16;
const NFT_MSG_NEWTABLE = 0;
const NFTA_GEN_ID = 1;

/** The sequence number of every question for the generation. */
const QUESTION = 0x67656e;

const ENOENT = errnoOf("ENOENT");

/**
 * Reads the generation that a message tells.
 *
 * @param message Any message of netfilter.
 * @returns 1 to 2³²−1; undefined when it tells none.
 */
export function toldGeneration({ type, bytes }: NetlinkMessage): number | undefined {
  if (type !== (NFT_SUBSYSTEM << 8 | NFT_MSG_NEWGEN)) return undefined;
  const id = readAttributes(bytes, NFT_ATTRIBUTES).get(NFTA_GEN_ID);
  if (id?.length !== 4) return undefined;
  return new DataView(id.buffer, id.byteOffset, 4).getUint32(0);
}

/**
 * Asks for the generation.
 *
 * @param socket A netfilter socket on which nothing else is under way.
 * @returns 1 to 2³²−1.
 * @throws {NetlinkError} When the kernel refuses.
 */
export function readGeneration(socket: NetlinkSocket): number {
  const action = 'read generation "nf_tables"';
  const message = new MessageWriter(NFT_SUBSYSTEM << 8 | NFT_MSG_GETGEN, NLM_F.REQUEST, QUESTION)
    .fixed([0, 0, 0, 0]).finish();
  for (const reply of socket.request(action, message)) {
    const generation = toldGeneration(reply);
    if (generation !== undefined) return generation;
  }
  throw new NetlinkError(action, ENOENT, "the answer has none");
}

/**
 * Writes the first message of a batch that is to tell its own generation: nf_tables_commit sends
 * NFT_MSG_NEWGEN to who asks for an echo in the first message, and to nobody when the batch has
 * changed nothing. Nothing less is certain: the generation that follows may be somebody else's.
 *
 * @param table A table that is there: making it once more changes nothing and is told to nobody.
 * @param family The table's.
 * @param sequence Comes back with the generation.
 * @returns The message.
 */
export function echoGeneration(
  table: string,
  family: NftFamily,
  sequence: number,
): Uint8Array<ArrayBuffer> {
  return new MessageWriter(
    NFT_SUBSYSTEM << 8 | NFT_MSG_NEWTABLE,
    NLM_F.REQUEST | NLM_F.ECHO,
    sequence,
  ).fixed([FAMILY[family], 0, 0, 0]).text(NFTA_TABLE, table).finish();
}
