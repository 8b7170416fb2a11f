/**
 * The kernel's accounting objects, over netlink. Source:
 * include/uapi/linux/netfilter/nfnetlink_acct.h.
 *
 * @module
 */
import { NETLINK, NetlinkError, NetlinkSocket } from "../netlink.ts";
import { MessageWriter, NLM_F, readAttributes, readText } from "../netlink_message.ts";
import { isAbsent } from "./refusal.ts";
import type { CounterLeftover } from "./leftover.ts";
import { isKubeProxyCounter } from "./ownership.ts";

/** NFNL_SUBSYS_ACCT. */
const SUBSYSTEM = 7;
const COMMAND = { GET: 1, DELETE: 3 } as const;
const ATTRIBUTES = 20;
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
  const socket = new NetlinkSocket(NETLINK.NETFILTER);
  let names: string[] = [];
  try {
    const question = request(COMMAND.GET, NLM_F.DUMP).finish();
    await socket.dump('list counters "of nfacct"', question, ({ bytes }) => {
      const name = readAttributes(bytes, ATTRIBUTES).get(NFACCT_NAME);
      if (name !== undefined) names.push(readText(name));
    }, () => {
      names = [];
    });
  } catch (fault) {
    if (!(fault instanceof NetlinkError) || !isAbsent(fault.errno)) throw fault;
  } finally {
    socket.close();
  }
  return names.filter(isKubeProxyCounter).sort()
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
