/**
 * The sets of ipset, over netlink. Source: include/uapi/linux/netfilter/ipset/ip_set.h.
 *
 * @module
 */
import { WeirError } from "../../../schemas/errors.ts";
import { NETLINK, NetlinkError, NetlinkSocket } from "../netlink.ts";
import { MessageWriter, NLM_F } from "../netlink_message.ts";
import { listNames } from "./name_list.ts";
import { IPSET_ERR_BUSY } from "./refusal.ts";
import type { SetLeftover } from "./leftover.ts";
import { isKubeProxySet } from "./ownership.ts";

/** NFNL_SUBSYS_IPSET. */
const SUBSYSTEM = 6;
const COMMAND = { DESTROY: 3, LIST: 7 } as const;
const ATTRIBUTE = { PROTOCOL: 1, SETNAME: 2, FLAGS: 6 } as const;
/** The protocol that every kernel since 2.6.39 speaks: IPSET_PROTOCOL_MIN. */
const PROTOCOL = new Uint8Array([6]);
/** IPSET_FLAG_LIST_SETNAME, in network order: names alone, no elements. */
const NAMES_ONLY = new Uint8Array([0, 0, 0, 2]);

function request(command: number, flags: number): MessageWriter {
  // nfgenmsg's family is not looked at here.
  return new MessageWriter(SUBSYSTEM << 8 | command, NLM_F.REQUEST | flags, 1)
    .fixed([0, 0, 0, 0]).bytes(ATTRIBUTE.PROTOCOL, PROTOCOL);
}

/**
 * Finds kube-proxy's sets.
 *
 * @returns One leftover for each.
 * @throws {NetlinkError} When the kernel refuses.
 */
export async function findSets(): Promise<readonly SetLeftover[]> {
  const question = request(COMMAND.LIST, NLM_F.DUMP).bytes(ATTRIBUTE.FLAGS, NAMES_ONLY).finish();
  const names = await listNames('list sets "of ipset"', question, ATTRIBUTE.SETNAME);
  return names.filter(isKubeProxySet)
    .map((name) => ({ place: "ipset", owner: "kube-proxy", name }));
}

/**
 * Destroys a set.
 *
 * @param leftover As it was found.
 * @throws {WeirError} WEIR_NETLINK when the kernel refuses, as it does while a rule uses the set.
 */
export function removeSet({ name }: SetLeftover): void {
  const socket = new NetlinkSocket(NETLINK.NETFILTER);
  try {
    const message = request(COMMAND.DESTROY, NLM_F.ACK).text(ATTRIBUTE.SETNAME, name);
    socket.request(`destroy set "${name}"`, message.finish());
  } catch (fault) {
    if (!(fault instanceof NetlinkError) || fault.errno !== IPSET_ERR_BUSY) throw fault;
    throw new WeirError("WEIR_NETLINK", `Cannot destroy set "${name}": a rule uses it`, {
      cause: fault,
    });
  } finally {
    socket.close();
  }
}
