/**
 * Lists what nf_tables has: the objects of one table, and all tables with whose they are.
 *
 * @module
 */
import { WeirError } from "../../../schemas/errors.ts";
import type { NftFamily, NftList } from "../../../schemas/capability.ts";
import { concatenated } from "../../bytes.ts";
import { errnoOf } from "../errno.ts";
import { NetlinkError, type NetlinkSocket } from "../netlink.ts";
import {
  MessageWriter,
  type NetlinkMessage,
  NLM_F,
  NLMSG_HEADER,
  readAttributes,
  readText,
} from "../netlink_message.ts";
import type { FoundTable } from "./claim.ts";
import { readMark } from "./mark.ts";

/** NFNL_SUBSYS_NFTABLES. Source: include/uapi/linux/netfilter/nfnetlink.h. */
export const NFT_SUBSYSTEM = 10;
/** Where the attributes of an nf_tables message begin: after nlmsghdr and nfgenmsg. */
export const NFT_ATTRIBUTES = 20;

/** NFPROTO_*, by the names of the grant. Source: include/uapi/linux/netfilter.h. */
export const FAMILY = { ip: 2, ip6: 10, inet: 1 } as const satisfies Record<NftFamily, number>;

/** What is asked for (NFT_MSG_GET…) and what comes back (NFT_MSG_NEW…). */
const LISTS = {
  tables: { ask: 1, answer: 0 },
  chains: { ask: 4, answer: 3 },
  rules: { ask: 7, answer: 6 },
  sets: { ask: 10, answer: 9 },
  elements: { ask: 13, answer: 12 },
} as const;

/** In every kind of nf_tables message the attribute 1 is the table's name. */
export const NFTA_TABLE = 1;
const NFTA_TABLE_HANDLE = 4;
const NFTA_TABLE_USERDATA = 6;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_LIST_ELEM = 1;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_DATA_VALUE = 1;

/** The most bytes of one list: some three million elements, which the kernel can hold many times. */
const LIST_BYTES = 256 << 20;

const ENOENT = errnoOf("ENOENT");

/**
 * Lists the tables of the families ip, ip6 and inet.
 *
 * @param socket A netfilter socket on which nothing else is under way.
 * @param sequence Of the request.
 * @returns All of them, everybody's.
 * @throws {NetlinkError} When the kernel refuses.
 */
export async function listTables(
  socket: NetlinkSocket,
  sequence: number,
): Promise<readonly FoundTable[]> {
  const message = new MessageWriter(
    NFT_SUBSYSTEM << 8 | LISTS.tables.ask,
    NLM_F.REQUEST | NLM_F.DUMP,
    sequence,
  ).fixed([0, 0, 0, 0]);
  const found: FoundTable[] = [];
  await socket.dump('list tables "of every family"', message.finish(), (reply) => {
    const table = readTable(reply);
    if (table !== undefined) found.push(table);
  }, () => void found.splice(0));
  return found;
}

/**
 * Lists one kind of object of one table.
 *
 * @param socket A netfilter socket on which nothing else is under way.
 * @param sequence Of the request.
 * @param request What, of which family.
 * @param table The table's name.
 * @returns The kernel's messages one after the other; empty when the table or set is not there.
 * @throws {NetlinkError} When the kernel refuses.
 * @throws {WeirError} WEIR_NETLINK when it is longer than 256 MiB.
 */
export async function listObjects(
  socket: NetlinkSocket,
  sequence: number,
  request: NftList,
  table: string,
): Promise<Uint8Array> {
  const { ask, answer } = LISTS[request.what];
  const single = request.what === "tables";
  const message = new MessageWriter(
    NFT_SUBSYSTEM << 8 | ask,
    NLM_F.REQUEST | (single ? NLM_F.ACK : NLM_F.DUMP),
    sequence,
  ).fixed([FAMILY[request.family], 0, 0, 0]).text(NFTA_TABLE, table);
  if (request.what === "elements") message.text(NFTA_SET_ELEM_LIST_SET, request.set);
  let found: Uint8Array[] = [];
  let bytes = 0;
  // Kernels differ in what a dump is filtered by: look at every message.
  const take = (reply: NetlinkMessage) => {
    if (
      reply.type === (NFT_SUBSYSTEM << 8 | answer) &&
      reply.bytes[NLMSG_HEADER] === FAMILY[request.family] && tableOf(reply) === table
    ) {
      bytes += reply.bytes.length;
      // The dump goes on to its end: the socket can do no other before.
      if (bytes <= LIST_BYTES) found.push(reply.bytes);
      else found = [];
    }
  };
  const action = `list ${request.what} "${request.family} ${table}"`;
  try {
    if (single) socket.request(action, message.finish()).forEach(take);
    else {
      await socket.dump(action, message.finish(), take, () => {
        found = [];
        bytes = 0;
      });
    }
  } catch (fault) {
    if (fault instanceof NetlinkError && fault.errno === ENOENT) return new Uint8Array(0);
    throw fault;
  }
  if (bytes > LIST_BYTES) {
    const state = `it has ${bytes} bytes, the limit is ${LIST_BYTES}`;
    throw new WeirError("WEIR_NETLINK", `Cannot ${action}: ${state}`);
  }
  return concatenated(found);
}

/**
 * Lists single elements of a set, whatever else is in it: the kernel looks each up.
 *
 * @param socket A netfilter socket on which nothing else is under way.
 * @param sequence Of the first request; there is one for each key.
 * @param request Of which set.
 * @param table The table's name.
 * @param keys Of the elements, as the kernel has them.
 * @returns The kernel's messages one after the other, of those elements that are there.
 * @throws {NetlinkError} When the kernel refuses, as EINVAL for a key of another length.
 */
export function listElements(
  socket: NetlinkSocket,
  sequence: number,
  request: Extract<NftList, { what: "elements" }>,
  table: string,
  keys: readonly Uint8Array[],
): Uint8Array {
  const { ask, answer } = LISTS.elements;
  const action = `list elements "${request.family} ${table}"`;
  const found: Uint8Array[] = [];
  for (const [index, key] of keys.entries()) {
    const message = new MessageWriter(
      NFT_SUBSYSTEM << 8 | ask,
      NLM_F.REQUEST | NLM_F.ACK,
      sequence + index,
    )
      .fixed([FAMILY[request.family], 0, 0, 0])
      .text(NFTA_TABLE, table)
      .text(NFTA_SET_ELEM_LIST_SET, request.set)
      .nested(
        NFTA_SET_ELEM_LIST_ELEMENTS,
        (list) =>
          list.nested(
            NFTA_LIST_ELEM,
            (element) =>
              element.nested(NFTA_SET_ELEM_KEY, (value) => value.bytes(NFTA_DATA_VALUE, key)),
          ),
      );
    try {
      for (const reply of socket.request(action, message.finish())) {
        if (reply.type === (NFT_SUBSYSTEM << 8 | answer)) found.push(reply.bytes);
      }
    } catch (fault) {
      // There is no such element, set or table.
      if (!(fault instanceof NetlinkError) || fault.errno !== ENOENT) throw fault;
    }
  }
  return concatenated(found);
}

/** A table of a family that weir writes, out of a NEWTABLE message of the kernel. */
function readTable({ type, bytes }: NetlinkMessage): FoundTable | undefined {
  if (type !== (NFT_SUBSYSTEM << 8 | LISTS.tables.answer)) return undefined;
  const number = bytes[NLMSG_HEADER];
  const family = (["ip", "ip6", "inet"] as const).find((family) => FAMILY[family] === number);
  const attributes = readAttributes(bytes, NFT_ATTRIBUTES);
  const name = attributes.get(NFTA_TABLE);
  const handle = attributes.get(NFTA_TABLE_HANDLE);
  if (family === undefined || name === undefined || handle?.length !== 8) return undefined;
  return {
    family,
    name: readText(name),
    handle: new DataView(handle.buffer, handle.byteOffset, 8).getBigUint64(0),
    owner: readMark(attributes.get(NFTA_TABLE_USERDATA)),
  };
}

/**
 * The table that an nf_tables message is about.
 *
 * @param message Of the nf_tables subsystem.
 * @returns Its name, or undefined when it names none, as NEWGEN does not.
 */
export function tableOf(message: NetlinkMessage): string | undefined {
  const name = readAttributes(message.bytes, NFT_ATTRIBUTES).get(NFTA_TABLE);
  return name === undefined ? undefined : readText(name);
}
