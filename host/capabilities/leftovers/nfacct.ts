/**
 * The kernel's accounting objects, over netlink. Source:
 * include/uapi/linux/netfilter/nfnetlink_acct.h.
 *
 * @module
 */
import { NETLINK, NetlinkSocket } from "../netlink.ts";
import { MessageWriter, NLM_F } from "../netlink_message.ts";
import { listNames } from "./name_list.ts";
import type { CounterLeftover } from "./leftover.ts";
import { isKubeProxyCounter } from "./ownership.ts";

/** NFNL_SUBSYS_ACCT. */
const SUBSYSTEM = 7;
const COMMAND = { GET: 1, DELETE: 3 } as const;
const NFACCT_NAME = 1;

function request(command: number, flags: number): MessageWriter {
  return new MessageWriter(SUBSYSTEM << 8 | command, NLM_F.REQUEST | flags, 1)
    .fixed([0, 0, 0, 0]);
}

/**
 * Finds kube-proxy's accounting objects.
 *
 * @returns One leftover for each.
 * @throws {NetlinkError} When the kernel refuses.
 */
export async function findCounters(): Promise<readonly CounterLeftover[]> {
  const question = request(COMMAND.GET, NLM_F.DUMP).finish();
  const names = await listNames('list counters "of nfacct"', question, NFACCT_NAME);
  return names.filter(isKubeProxyCounter)
    .map((name) => ({ place: "nfacct", owner: "kube-proxy", name }));
}

/**
 * Deletes an accounting object.
 *
 * @param leftover As it was found.
 * @throws {NetlinkError} When the kernel refuses: EBUSY while a rule uses it.
 */
export function removeCounter({ name }: CounterLeftover): void {
  const socket = new NetlinkSocket(NETLINK.NETFILTER);
  try {
    const message = request(COMMAND.DELETE, NLM_F.ACK).text(NFACCT_NAME, name);
    socket.request(`delete counter "${name}"`, message.finish());
  } finally {
    socket.close();
  }
}
