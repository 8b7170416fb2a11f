/**
 * The kernel's nf_tables in one network namespace: commits batches, lists tables.
 *
 * @module
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { WeirError } from "../../../schemas/errors.ts";
import type { TraceSpan } from "../../telemetry/trace.ts";
import type { NftFailure, NftFamily, NftList } from "../../../schemas/capability.ts";
import { errnoName, errnoOf } from "../errno.ts";
import { type FoundTable, refuseForeign, stampTables, type TableClaim } from "./claim.ts";
import type { DeclaredSizes } from "./declared.ts";
import { fixed } from "../libc.ts";
import { echoGeneration, readGeneration, toldGeneration } from "./generation.ts";
import { listElements, listObjects, listTables, NFT_SUBSYSTEM } from "./listing.ts";
import { type TableOwner, writeMark } from "./mark.ts";
import { NETLINK, NetlinkError, NetlinkSocket } from "../netlink.ts";
import { type Acknowledgement, NLM_F, NLMSG, readAcknowledgement } from "../netlink_message.ts";

const NFNL_MSG_BATCH_BEGIN = 16;
const NFNL_MSG_BATCH_END = 17;
/** NFNL_BATCH_GENID: the batch is refused when the generation is another by then. */
const NFNL_BATCH_GENID = 1;
const BATCH_EDGE = 20;
const BATCH_GENERATION = 8;

/** Answers that are read in one go: some 20 µs each. */
const ANSWERS_AT_ONCE = 256;

/**
 * How often a batch is sent again whose claim somebody else's commit has made uncertain. nft(8)
 * does so without an end.
 */
const CLAIM_TRIES = 100;
/** How often a table is listed again that was replaced meanwhile. */
const LIST_TRIES = 20;

const ERESTART = errnoOf("ERESTART");
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

/** How a batch is executed. */
export interface CommitOptions {
  /** For whom it is; absent when it is weir's own. */
  readonly claim?: TableClaim | undefined;
  /** `large` when few messages make the kernel work for long. */
  readonly work?: "large" | undefined;
  /** Told of this one, as whoever opened the kernel is. */
  readonly observe?: ((record: CommitRecord) => void) | undefined;
  /** The steps become children of it. */
  readonly span?: TraceSpan | undefined;
}

/** A generation in which a claim can be granted. */
interface GrantedClaim extends TableClaim {
  readonly generation: number;
  /** Of a table of the claim that is there in this generation. */
  readonly family: NftFamily | undefined;
}

/** What came of a batch. */
interface Outcome {
  readonly failure: NftFailure | undefined;
  /** The batch's own, if it told one. */
  readonly generation: number | undefined;
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

/** Writes one edge of a batch: nlmsghdr and nfgenmsg, and the generation that it is for. */
function batchEdge(type: number, sequence: number, generation?: number): Uint8Array<ArrayBuffer> {
  const bytes = fixed(BATCH_EDGE + (generation === undefined ? 0 : BATCH_GENERATION));
  const view = new DataView(bytes.buffer);
  if (generation !== undefined) {
    view.setUint16(BATCH_EDGE, BATCH_GENERATION, true);
    view.setUint16(BATCH_EDGE + 2, NFNL_BATCH_GENID, true);
    view.setUint32(BATCH_EDGE + 4, generation);
  }
  view.setUint32(0, bytes.length, true);
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
  /** What the last commit has left, until anybody commits something. */
  #granted: GrantedClaim | undefined;

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
   * @param how With a claim the tables that they make are marked, and nothing is done where the
   * name is somebody else's.
   * @returns When the kernel has done all of it.
   * @throws {WeirError} WEIR_NFT_KERNEL when the kernel refuses, with an {@linkcode NftFailure} as
   * its cause; WEIR_TABLE_FOREIGN when the claimed table is somebody else's; WEIR_NETLINK when the
   * kernel does not even take the bytes. Nothing is changed then.
   */
  commit(
    messages: Uint8Array<ArrayBuffer>,
    count: number,
    how: CommitOptions = {},
  ): Promise<void> {
    const { claim, span } = how;
    const queued = span?.begin("weir.capability.queue");
    return this.#queued(async () => {
      queued?.end();
      const parts = claim === undefined
        ? [messages]
        : stampTables(messages, writeMark(claim.owner));
      for (let tries = 1;; tries++) {
        const granted = claim === undefined ? undefined : await this.#grant(claim);
        const { failure, generation, record } = await this.#send(parts, count, granted, how);
        this.#granted = granted === undefined || generation === undefined
          ? undefined
          : { ...granted, generation };
        const stale = failure?.errno === ERESTART && failure.message < 0;
        if (stale && tries < CLAIM_TRIES) {
          // A small batch is sent here, and waits here until the other program has committed.
          await nextTurn();
          continue;
        }
        this.#observe(record, how);
        if (failure === undefined) return;
        throw new WeirError(
          "WEIR_NFT_KERNEL",
          `Cannot commit nftables message "${failure.message} of ${count}": the kernel says ` +
            failure.name + (failure.detail === "" ? "" : `, ${failure.detail}`),
          { cause: failure },
        );
      }
    });
  }

  /**
   * Grants a claim in a generation: that of the last commit, or what a look finds. A batch for it
   * finds the tables as they were then: the kernel compares under the mutex under which it executes.
   */
  async #grant(claim: TableClaim): Promise<GrantedClaim> {
    const { table, owner } = claim;
    const last = this.#granted;
    if (last?.table === table && last.owner.role === owner.role) return last;
    const generation = readGeneration(this.#socket);
    const found = await listTables(this.#socket, this.#sequences(1));
    refuseForeign(found, claim);
    return { ...claim, generation, family: found.find(({ name }) => name === table)?.family };
  }

  /**
   * Looks whether a claim could be granted now. Each commit makes sure of it again.
   *
   * @param claim The table's name, and who wants it.
   * @throws {WeirError} WEIR_TABLE_FOREIGN when it is somebody else's, with what helps.
   */
  async mustBeFree(claim: TableClaim): Promise<void> {
    refuseForeign(await this.tables(), claim);
  }

  async #send(
    messages: readonly Uint8Array<ArrayBuffer>[],
    count: number,
    granted: GrantedClaim | undefined,
    how: CommitOptions,
  ): Promise<Outcome & { readonly record: CommitRecord }> {
    const first = this.#sequences(count + 3) + 2;
    number(messages, first);
    const echo = granted?.family === undefined || deletesTable(messages)
      ? []
      : [echoGeneration(granted.table, granted.family, first - 1)];
    const parts = [
      batchEdge(NFNL_MSG_BATCH_BEGIN, first - 2, granted?.generation),
      ...echo,
      ...messages,
      batchEdge(NFNL_MSG_BATCH_END, first + count),
    ];
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    const started = this.#options.now();
    const recordOf = (refused: string) => {
      const milliseconds = this.#options.now() - started;
      return { messages: count, bytes, milliseconds, refused };
    };
    for (const watcher of this.#watchers) watcher.before(bytes);
    let outcome: "committed" | "refused" = "refused";
    const sending = how.span?.begin("weir.netlink.send", { "weir.bytes": bytes });
    let reading: TraceSpan | undefined;
    try {
      await this.#socket.send(parts, how.work);
      sending?.end();
      reading = how.span?.begin("weir.netlink.acknowledge");
      const told = await this.#outcome(first, count);
      if (told.failure === undefined) outcome = "committed";
      return { ...told, record: recordOf(told.failure?.name ?? "") };
    } catch (fault) {
      const refused = fault instanceof NetlinkError ? errnoName(fault.errno) : "unknown";
      this.#observe(recordOf(refused), how);
      throw fault;
    } finally {
      sending?.end();
      reading?.end();
      for (const watcher of this.#watchers) watcher.after(outcome);
    }
  }

  #observe(record: CommitRecord, { observe }: CommitOptions): void {
    this.#options.observe?.(record);
    observe?.(record);
  }

  /** Reads all answers to a batch, which are there when the send returns. */
  async #outcome(first: number, count: number): Promise<Outcome> {
    let failure: NftFailure | undefined;
    let generation: number | undefined;
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
        if (message.sequence === first - 1) generation ??= toldGeneration(message);
        if (message.type !== NLMSG.ERROR) continue;
        const acknowledgement = readAcknowledgement(message);
        const index = acknowledgement.sequence - first;
        // An answer of an earlier batch, left behind when its reading failed.
        if (index < -2 || index > count) continue;
        if (acknowledgement.errno === 0) acknowledged ||= index === count - 1;
        else failure ??= asFailure(acknowledgement, index < 0 || index === count ? -1 : index);
      }
    }
    if (failure === undefined && !acknowledged) {
      failure = asFailure({ errno: ENOBUFS, sequence: 0, detail: "it was not acknowledged" }, -1);
    }
    return { failure, generation };
  }

  /**
   * Lists one kind of object of one table.
   *
   * @param request What, of which family.
   * @param table The table's name.
   * @param owner Who asks, and may see nothing of somebody else's table; absent for weir itself.
   * @param keys Of the only elements that are asked for, as the kernel has them; none for all.
   * @returns The kernel's messages one after the other; empty when the table or set is not there.
   * @throws {NetlinkError} When the kernel refuses.
   * @throws {WeirError} WEIR_NETLINK when it is longer than 256 MiB; WEIR_TABLE_FOREIGN when the
   * table is somebody else's.
   */
  list(
    request: NftList,
    table: string,
    owner?: TableOwner,
    keys: readonly Uint8Array[] = [],
  ): Promise<Uint8Array> {
    const read = async () =>
      request.what === "elements" && keys.length > 0
        ? listElements(this.#socket, this.#sequences(keys.length), request, table, keys)
        : await listObjects(this.#socket, this.#sequences(1), request, table);
    return this.#queued(async () => {
      if (owner === undefined) return await read();
      const handle = async () => {
        const found = await listTables(this.#socket, this.#sequences(1));
        refuseForeign(found, { table, owner });
        return found.find(({ name, family }) => name === table && family === request.family)
          ?.handle;
      };
      // Of a table that was there before and after, everything in between is.
      let before = await handle();
      for (let tries = 1; tries <= LIST_TRIES; tries++) {
        if (before === undefined) return new Uint8Array(0);
        const listed = await read();
        const after = await handle();
        if (after === before) return listed;
        before = after;
      }
      throw new NetlinkError(
        `list ${request.what} "${request.family} ${table}"`,
        ERESTART,
        `the table was replaced during each of ${LIST_TRIES} listings`,
      );
    });
  }

  /**
   * Lists the tables of the families ip, ip6 and inet.
   *
   * @returns All of them, everybody's.
   * @throws {NetlinkError} When the kernel refuses.
   */
  tables(): Promise<readonly FoundTable[]> {
    return this.#queued(() => listTables(this.#socket, this.#sequences(1)));
  }

  /**
   * Reads the generation, which another commit of anybody makes another.
   *
   * @returns 1 to 2³²−1.
   * @throws {NetlinkError} When the kernel refuses.
   */
  generation(): Promise<number> {
    // Async: whatever is thrown rejects.
    // deno-lint-ignore require-await
    return this.#queued(async () => readGeneration(this.#socket));
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

/** NFT_MSG_DELTABLE and NFT_MSG_DESTROYTABLE: what is there before may not be there after. */
const TABLE_DELETIONS: readonly number[] = [2, 26];

function deletesTable(parts: readonly Uint8Array<ArrayBuffer>[]): boolean {
  return parts.some((part) => {
    const view = new DataView(part.buffer, part.byteOffset, part.byteLength);
    for (let at = 0; at < part.length; at += view.getUint32(at, true)) {
      if (TABLE_DELETIONS.includes(part[at + 4] ?? 0)) return true;
    }
    return false;
  });
}

/** Sets sequence numbers, clears ports, and asks for one acknowledgement, the last message's. */
function number(parts: readonly Uint8Array<ArrayBuffer>[], first: number): void {
  let sequence = first;
  let acknowledge = () => {};
  for (const part of parts) {
    const view = new DataView(part.buffer, part.byteOffset, part.byteLength);
    let last = 0;
    for (let at = 0; at < part.length; at += view.getUint32(at, true)) {
      view.setUint32(at + 8, sequence++, true);
      view.setUint32(at + 12, 0, true);
      last = at;
    }
    acknowledge = () => view.setUint16(last + 6, view.getUint16(last + 6, true) | NLM_F.ACK, true);
  }
  acknowledge();
}

function asFailure({ errno, detail }: Acknowledgement, message: number): NftFailure {
  return { message, errno, name: errnoName(errno), detail };
}
