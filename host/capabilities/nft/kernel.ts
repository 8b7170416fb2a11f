/**
 * The kernel's nf_tables in one network namespace: commits batches, lists tables.
 *
 * @module
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { WeirError } from "../../../schemas/errors.ts";
import type { TraceSpan } from "../../telemetry/trace.ts";
import type { NftFailure, NftList } from "../../../schemas/capability.ts";
import { errnoName, errnoOf } from "../errno.ts";
import type { DeclaredSizes } from "./declared.ts";
import { fixed } from "../libc.ts";
import { NETLINK, NetlinkError, NetlinkSocket } from "../netlink.ts";
import {
  type Acknowledgement,
  MessageWriter,
  type NetlinkMessage,
  NLM_F,
  NLMSG,
  NLMSG_HEADER,
  readAcknowledgement,
  readAttributes,
  readText,
} from "../netlink_message.ts";

/** NFNL_SUBSYS_NFTABLES. Source: include/uapi/linux/netfilter/nfnetlink.h. */
export const NFT_SUBSYSTEM = 10;
const NFNL_MSG_BATCH_BEGIN = 16;
const NFNL_MSG_BATCH_END = 17;
const BATCH_EDGE = 20;
/** Where the attributes of an nf_tables message begin: after nlmsghdr and nfgenmsg. */
export const NFT_ATTRIBUTES = 20;

/** NFPROTO_*, by the names of the grant. Source: include/uapi/linux/netfilter.h. */
const FAMILY = { inet: 1, ip: 2, ip6: 10 } as const;

/** What is asked for (NFT_MSG_GET…) and what comes back (NFT_MSG_NEW…). */
const LISTS = {
  tables: { ask: 1, answer: 0 },
  chains: { ask: 4, answer: 3 },
  rules: { ask: 7, answer: 6 },
  sets: { ask: 10, answer: 9 },
  elements: { ask: 13, answer: 12 },
} as const;

/** NFT_MSG_NEWGEN: the end of a commit, with who made it. */
export const NFT_MSG_NEWGEN = 15;
const NFT_MSG_GETGEN = 16;
const NFTA_GEN_ID = 1;
/** In every kind of nf_tables message the attribute 1 is the table's name. */
const NFTA_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;

/** The sequence number of every question for the generation. */
const GENERATION = 0x67656e;

/** The most bytes of one list: some three million elements, which the kernel can hold many times. */
const LIST_BYTES = 256 << 20;

/** Answers that are read in one go: some 20 µs each. */
const ANSWERS_AT_ONCE = 256;

const ENOENT = errnoOf("ENOENT");
const ENOBUFS = errnoOf("ENOBUFS");

/** What one commit was, for metrics and traces. */
export interface CommitRecord {
  /** How many, batch begin and end not counted. */
  readonly messages: number;
  /** Bytes sent, batch begin and end included. */
  readonly bytes: number;
  /** Milliseconds from the beginning of the send to the kernel's last answer. */
  readonly milliseconds: number;
  /** Name of the errno with which the kernel refused it, or "" when it succeeded. */
  readonly refused: string;
}

/** Someone who wants to know of every commit before it starts and after it is over. */
export interface CommitWatcher {
  /**
   * Called directly before a batch is sent.
   *
   * @param bytes Its size.
   */
  before(bytes: number): void;
  /**
   * Called directly after the kernel is done with it.
   *
   * @param outcome Whether it was executed; a refused batch changed nothing.
   */
  after(outcome: "committed" | "refused"): void;
}

/** What the kernel's nf_tables stands on. */
export interface NftKernelOptions {
  /** Tells the time in milliseconds from any beginning; it measures durations only. */
  readonly now: () => number;
  /** Told of every commit. */
  readonly observe?: (record: CommitRecord) => void;
}

/** Writes one edge of a batch: nlmsghdr and nfgenmsg. */
function batchEdge(type: number, sequence: number): Uint8Array<ArrayBuffer> {
  const bytes = fixed(BATCH_EDGE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, BATCH_EDGE, true);
  view.setUint16(4, type, true);
  view.setUint16(6, NLM_F.REQUEST, true);
  view.setUint32(8, sequence, true);
  // The resource id of nfgenmsg names the subsystem and is in network order.
  view.setUint16(18, NFT_SUBSYSTEM);
  return bytes;
}

/**
 * nf_tables of the network namespace in which it was opened. Commits and lists run one after the
 * other: the kernel has one commit mutex per namespace, and answers of two requests on one socket
 * would mingle.
 */
export class NftKernel {
  readonly #socket: NetlinkSocket;
  readonly #options: NftKernelOptions;
  readonly #watchers = new Set<CommitWatcher>();
  /**
   * The declared sizes of each table's sets, by the table's name: kept here because a plugin that
   * starts anew finds its table as it left it.
   */
  readonly declared = new Map<string, DeclaredSizes>();
  #last: Promise<unknown> = Promise.resolve();
  #sequence = 1;

  /**
   * Opens a socket in the namespace of the calling thread.
   *
   * @param options The clock and the observer.
   * @throws {WeirError} WEIR_NETLINK when the kernel refuses.
   */
  constructor(options: NftKernelOptions) {
    this.#options = options;
    this.#socket = new NetlinkSocket(NETLINK.NETFILTER);
  }

  /** The socket's port: how the kernel's notifications name our own changes. */
  get portId(): number {
    return this.#socket.portId;
  }

  #queued<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Takes so many consecutive numbers; they do not wrap, so an index is a subtraction. */
  #sequences(count: number): number {
    if (this.#sequence + count > 0xffffffff) this.#sequence = 1;
    const first = this.#sequence;
    this.#sequence += count;
    return first;
  }

  /**
   * Executes messages as one atomic batch.
   *
   * @param messages Checked nf_tables messages; their sequence numbers, ports and the last one's
   * acknowledgement flag are set in place.
   * @param count How many they are.
   * @param how `work` is `large` when they make the kernel work for long though they are few;
   * `observe` is told of this one, as whoever opened the kernel is; the steps become children of
   * `span`.
   * @returns When the kernel has done all of it.
   * @throws {WeirError} WEIR_NFT_KERNEL when the kernel refuses, with an {@linkcode NftFailure} as
   * its cause; WEIR_NETLINK when it does not even take the bytes. Nothing is changed then.
   */
  commit(
    messages: Uint8Array<ArrayBuffer>,
    count: number,
    how: {
      readonly work?: "large" | undefined;
      readonly observe?: ((record: CommitRecord) => void) | undefined;
      readonly span?: TraceSpan | undefined;
    } = {},
  ): Promise<void> {
    const { work, observe, span } = how;
    const queued = span?.begin("weir.capability.queue");
    return this.#queued(async () => {
      queued?.end();
      const first = this.#sequences(count + 2) + 1;
      number(messages, first);
      const parts = [
        batchEdge(NFNL_MSG_BATCH_BEGIN, first - 1),
        messages,
        batchEdge(NFNL_MSG_BATCH_END, first + count),
      ];
      const bytes = messages.length + 2 * BATCH_EDGE;
      const started = this.#options.now();
      for (const watcher of this.#watchers) watcher.before(bytes);
      let failure: NftFailure | undefined;
      let refused = "unknown";
      const sending = span?.begin("weir.netlink.send", { "weir.bytes": bytes });
      let reading: TraceSpan | undefined;
      try {
        await this.#socket.send(parts, work);
        sending?.end();
        reading = span?.begin("weir.netlink.acknowledge");
        failure = await this.#outcome(first, count);
        refused = failure?.name ?? "";
      } catch (fault) {
        if (fault instanceof NetlinkError) refused = errnoName(fault.errno);
        throw fault;
      } finally {
        sending?.end();
        reading?.end();
        const outcome = refused === "" ? "committed" : "refused";
        for (const watcher of this.#watchers) watcher.after(outcome);
        const milliseconds = this.#options.now() - started;
        const record = { messages: count, bytes, milliseconds, refused };
        this.#options.observe?.(record);
        observe?.(record);
      }
      if (failure !== undefined) {
        throw new WeirError(
          "WEIR_NFT_KERNEL",
          `Cannot commit nftables message "${failure.message} of ${count}": the kernel says ` +
            failure.name + (failure.detail === "" ? "" : `, ${failure.detail}`),
          { cause: failure },
        );
      }
    });
  }

  /** Reads all answers to a batch, which are there when the send returns. */
  async #outcome(first: number, count: number): Promise<NftFailure | undefined> {
    let failure: NftFailure | undefined;
    let acknowledged = false;
    for (let steps = 1;; steps++) {
      // One refused message is one answer, and a batch can be made of a million; others get their
      // turn in between.
      if (steps % ANSWERS_AT_ONCE === 0) await nextTurn();
      const received = this.#socket.receive();
      if (received.type === "nothing") break;
      if (received.type === "overrun") {
        // Some acknowledgements did not fit: only errors come in such numbers.
        failure ??= asFailure({ errno: ENOBUFS, sequence: 0, detail: "answers were lost" }, -1);
        continue;
      }
      for (const message of received.messages) {
        if (message.type !== NLMSG.ERROR) continue;
        const acknowledgement = readAcknowledgement(message);
        const index = acknowledgement.sequence - first;
        // An answer of an earlier batch, left behind when its reading failed.
        if (index < -1 || index > count) continue;
        if (acknowledgement.errno === 0) acknowledged ||= index === count - 1;
        else failure ??= asFailure(acknowledgement, index === count ? -1 : index);
      }
    }
    if (failure !== undefined || acknowledged) return failure;
    return asFailure({ errno: ENOBUFS, sequence: 0, detail: "it was not acknowledged" }, -1);
  }

  /**
   * Lists one kind of object of one table.
   *
   * @param request What, of which family.
   * @param table The table's name.
   * @returns The kernel's messages one after the other; empty when the table or set is not there.
   * @throws {NetlinkError} When the kernel refuses.
   * @throws {WeirError} WEIR_NETLINK when it is longer than 256 MiB.
   */
  list(request: NftList, table: string): Promise<Uint8Array> {
    return this.#queued(async () => {
      const { ask, answer } = LISTS[request.what];
      const single = request.what === "tables";
      const message = new MessageWriter(
        NFT_SUBSYSTEM << 8 | ask,
        NLM_F.REQUEST | (single ? NLM_F.ACK : NLM_F.DUMP),
        this.#sequences(1),
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
        if (single) this.#socket.request(action, message.finish()).forEach(take);
        else {
          await this.#socket.dump(action, message.finish(), take, () => {
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
      return joined(found);
    });
  }

  /**
   * Has every commit announced.
   *
   * @param watcher Told before and after each.
   * @returns Ends it.
   */
  watch(watcher: CommitWatcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /**
   * Closes the socket once what is under way is over; whatever comes later is refused.
   *
   * @returns When it is closed.
   */
  async close(): Promise<void> {
    await this.#queued(async () => this.#socket.close());
  }
}

/** Sets sequence numbers, clears ports, and asks for one acknowledgement, the last message's. */
function number(messages: Uint8Array<ArrayBuffer>, first: number): void {
  const view = new DataView(messages.buffer, messages.byteOffset, messages.byteLength);
  let last = 0;
  let sequence = first;
  for (let at = 0; at < messages.length; at += view.getUint32(at, true)) {
    view.setUint32(at + 8, sequence++, true);
    view.setUint32(at + 12, 0, true);
    last = at;
  }
  view.setUint16(last + 6, view.getUint16(last + 6, true) | NLM_F.ACK, true);
}

/**
 * The number of nf_tables' generation in the socket's namespace: each commit that changes
 * something adds one.
 *
 * @param socket A netfilter socket on which nothing else is under way.
 * @returns 1 to 2³²−1.
 * @throws {NetlinkError} When the kernel refuses.
 */
export function readGeneration(socket: NetlinkSocket): number {
  const action = 'read generation "nf_tables"';
  const message = new MessageWriter(NFT_SUBSYSTEM << 8 | NFT_MSG_GETGEN, NLM_F.REQUEST, GENERATION)
    .fixed([0, 0, 0, 0]).finish();
  for (const reply of socket.request(action, message)) {
    if (reply.type !== (NFT_SUBSYSTEM << 8 | NFT_MSG_NEWGEN)) continue;
    const id = readAttributes(reply.bytes, NFT_ATTRIBUTES).get(NFTA_GEN_ID);
    if (id?.length === 4) return new DataView(id.buffer, id.byteOffset, 4).getUint32(0);
  }
  throw new NetlinkError(action, ENOENT, "the answer has none");
}

function asFailure({ errno, detail }: Acknowledgement, message: number): NftFailure {
  return { message, errno, name: errnoName(errno), detail };
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

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
