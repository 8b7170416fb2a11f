/**
 * The kernel's connection tracking in one network namespace: lists flows, forgets flows.
 *
 * @module
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { WeirError } from "../../../schemas/errors.ts";
import type { IpFamily } from "../../../schemas/kube.ts";
import { errnoOf } from "../errno.ts";
import { type DumpOutcome, NETLINK, NetlinkError, NetlinkSocket } from "../netlink.ts";
import {
  MessageWriter,
  NLM_F,
  NLMSG,
  readAcknowledgement,
  readAttributes,
} from "../netlink_message.ts";
import {
  CONNTRACK_ATTRIBUTES,
  CONNTRACK_MESSAGE,
  CONNTRACK_SUBSYSTEM,
  deleteFlow,
  type Flow,
  type FlowQuestion,
  type FlowSearch,
  isAskedFor,
  listFlows,
  PROTOCOL_NUMBER,
  readEnds,
  readFlow,
} from "./flow.ts";
import { type ConntrackEntry, readEntry } from "./entry.ts";
import { type LocalAddresses, readLocalAddresses } from "./local_addresses.ts";
import { portOf, type SocketKey } from "./socket_key.ts";

const ENOENT = errnoOf("ENOENT");

/** CTA_STATS_GLOBAL_*. Source: include/uapi/linux/netfilter/nfnetlink_conntrack.h. */
const STATS = { ENTRIES: 1, MAX_ENTRIES: 2 } as const;

/** Flows that are deleted in one go: the kernel needs some 2 µs for each. */
const DELETED_AT_ONCE = 256;

/** What helps, by errno. */
const REMEDIES: ReadonlyMap<number, string> = new Map([
  [errnoOf("EPERM"), "run weir as root or with CAP_NET_ADMIN"],
  // nfnetlink answers so when no module has registered for a subsystem.
  [errnoOf("EINVAL"), "this kernel may lack ctnetlink: load the module nf_conntrack_netlink"],
  [
    errnoOf("EPROTONOSUPPORT"),
    "this kernel has no nfnetlink: load the module nf_conntrack_netlink",
  ],
]);

/** How full the table is. */
export interface ConntrackUsage {
  /** Entries of this network namespace. */
  readonly entries: number;
  /** The most there may be (net.netfilter.nf_conntrack_max); 0 means no limit. */
  readonly limit: number;
}

function explained(fault: unknown): unknown {
  if (!(fault instanceof NetlinkError)) return fault;
  const remedy = REMEDIES.get(fault.errno);
  if (remedy === undefined) return fault;
  return new WeirError("WEIR_NETLINK", `${fault.message}; ${remedy}`, { cause: fault });
}

/**
 * Connection tracking of the network namespace in which it was opened. What it is asked for runs
 * one after the other: answers of two requests on one socket would mingle.
 */
export class ConntrackKernel {
  readonly #socket: NetlinkSocket;
  readonly #routes: NetlinkSocket;
  #last: Promise<unknown> = Promise.resolve();
  #sequence = 1;

  /**
   * Opens its sockets in the namespace of the calling thread.
   *
   * @throws {WeirError} WEIR_NETLINK when the kernel refuses.
   */
  constructor() {
    this.#socket = new NetlinkSocket(NETLINK.NETFILTER);
    try {
      this.#routes = new NetlinkSocket(NETLINK.ROUTE);
    } catch (fault) {
      this.#socket.close();
      throw fault;
    }
  }

  async #queued<T>(work: () => Promise<T> | T): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    try {
      return await turn;
    } catch (fault) {
      throw explained(fault);
    }
  }

  #next(): number {
    this.#sequence = this.#sequence % 0xffffffff + 1;
    return this.#sequence;
  }

  /**
   * Lists flows, in one pass.
   *
   * @param question Which flows.
   * @param take Called for each; what is thrown ends the listing.
   * @returns `interrupted` when the table changed in a way that some may be missing.
   * @throws {WeirError} WEIR_NETLINK, with the remedy, when the kernel refuses.
   */
  list(question: FlowQuestion, take: (flow: Flow) => void): Promise<DumpOutcome> {
    const { family, protocol, port } = question;
    const number = PROTOCOL_NUMBER[protocol];
    const answer = CONNTRACK_SUBSYSTEM << 8 | CONNTRACK_MESSAGE.NEW;
    return this.#queued(() =>
      this.#socket.scan(
        `list flows "${family} ${protocol}"`,
        listFlows(question, this.#next()),
        (message) => {
          const flow = message.type === answer ? readFlow(message.bytes) : undefined;
          // Kernels before 5.8 do not filter: look at every one.
          if (flow?.protocol !== number) return;
          if (port === undefined || portOf(flow.destination) === port) take(flow);
        },
      )
    );
  }

  /**
   * Looks through flows for people who want to see some, in one pass.
   *
   * @param question Which flows.
   * @param wants Whether one that was sent there is to be shown; asked for each.
   * @param most How many flows are looked at of those that the kernel lists.
   * @param take Called for each that is wanted.
   * @returns `stopped` when there were more than that.
   * @throws {WeirError} WEIR_NETLINK, with the remedy, when the kernel refuses.
   */
  async look(
    question: FlowSearch,
    wants: (destination: SocketKey) => boolean,
    most: number,
    take: (entry: () => ConntrackEntry | undefined) => void,
  ): Promise<"complete" | "stopped"> {
    let seen = 0;
    const answer = CONNTRACK_SUBSYSTEM << 8 | CONNTRACK_MESSAGE.NEW;
    const { family, protocol } = question;
    await this.#queued(() =>
      this.#socket.scan(
        `list flows "${family} ${protocol}"`,
        listFlows(question, this.#next()),
        (message) => {
          if (message.type !== answer || ++seen > most) return;
          const ends = readEnds(message.bytes, question);
          if (ends === undefined || !isAskedFor(ends, question)) return;
          if (wants(ends.destination)) take(() => readEntry(message.bytes));
        },
      )
    );
    return seen > most ? "stopped" : "complete";
  }

  /**
   * Forgets flows. One that is gone meanwhile, or whose tuple belongs to a later flow, is passed
   * over.
   *
   * @param family Of all of them.
   * @param flows As they were listed.
   * @returns How many were deleted.
   * @throws {WeirError} WEIR_NETLINK, with the remedy, when the kernel refuses; some may be gone.
   */
  delete(family: IpFamily, flows: readonly Pick<Flow, "identity">[]): Promise<number> {
    return this.#queued(async () => {
      let deleted = 0;
      for (let at = 0; at < flows.length; at += DELETED_AT_ONCE) {
        const part = flows.slice(at, at + DELETED_AT_ONCE);
        await this.#socket.send(part.map((flow) => deleteFlow(family, flow, this.#next())));
        deleted += part.length - this.#refused(`delete flows "${family}"`);
        await nextTurn();
      }
      return deleted;
    });
  }

  /** Counts what was not there any more; answers are there when the send returns. */
  #refused(action: string): number {
    let gone = 0;
    for (;;) {
      const received = this.#socket.receive();
      if (received.type === "nothing") return gone;
      if (received.type === "overrun") continue;
      for (const message of received.messages) {
        if (message.type !== NLMSG.ERROR) continue;
        const { errno, detail } = readAcknowledgement(message);
        if (errno === ENOENT) gone++;
        else if (errno !== 0) throw new NetlinkError(action, errno, detail);
      }
    }
  }

  /**
   * Counts the flows of this network namespace.
   *
   * @returns How many there are and may be.
   * @throws {WeirError} WEIR_NETLINK, with the remedy, when the kernel refuses.
   */
  usage(): Promise<ConntrackUsage> {
    const kind = CONNTRACK_SUBSYSTEM << 8 | CONNTRACK_MESSAGE.GET_STATS;
    return this.#queued(() => {
      const message = new MessageWriter(kind, NLM_F.REQUEST | NLM_F.ACK, this.#next())
        .fixed([0, 0, 0, 0]).finish();
      const [answer] = this.#socket.request('count flows "of this node"', message);
      const found = answer === undefined
        ? new Map<number, Uint8Array>()
        : readAttributes(answer.bytes, CONNTRACK_ATTRIBUTES);
      const number = (type: number) => {
        const value = found.get(type);
        return value?.length === 4
          ? new DataView(value.buffer, value.byteOffset, 4).getUint32(0)
          : 0;
      };
      return { entries: number(STATS.ENTRIES), limit: number(STATS.MAX_ENTRIES) };
    });
  }

  /**
   * Reads the addresses of the node itself.
   *
   * @returns Those of both families but for the loopback ranges.
   * @throws {WeirError} WEIR_NETLINK when the kernel refuses.
   */
  localAddresses(): Promise<LocalAddresses> {
    return this.#queued(() => readLocalAddresses(this.#routes, this.#next()));
  }

  /**
   * Closes the sockets once what is under way is over; whatever comes later is refused.
   *
   * @returns When they are closed.
   */
  async close(): Promise<void> {
    await this.#queued(() => {
      this.#socket.close();
      this.#routes.close();
    });
  }
}
