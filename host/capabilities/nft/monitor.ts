/**
 * Sees at once when somebody else changes a table of ours.
 *
 * The kernel tells every change of nf_tables to a multicast group. Our own changes are dropped by
 * a filter in the kernel, so that they do not fill our receive buffer; but as long as the group has
 * a listener the kernel also builds the notifications, one per set element, which doubles the time
 * of a large commit (see nft_bench.ts).
 * Around large commits of our own the monitor therefore leaves the group and compares nf_tables'
 * generation before and after, which each commit, whoever makes it, moves by one. Another program's
 * commit waits for the end of ours and comes right behind it, so whose table it was is not known
 * then (suspicion.ts).
 *
 * @module
 */
import { messageOf } from "../../../schemas/errors.ts";
import type { Clock } from "../../clock.ts";
import { NETLINK, NetlinkSocket, Wake } from "../netlink.ts";
import { type NetlinkMessage, readAttributes, readText } from "../netlink_message.ts";
import { NFT_MSG_NEWGEN, readGeneration } from "./generation.ts";
import type { NftKernel } from "./kernel.ts";
import { NFT_ATTRIBUTES, NFT_SUBSYSTEM, tableOf } from "./listing.ts";
import { Suspicion } from "./suspicion.ts";

/** NFNLGRP_NFTABLES. Source: include/uapi/linux/netfilter/nfnetlink.h. */
const GROUP = 7;
const NFTA_GEN_PROC_PID = 2;
const NFTA_GEN_PROC_NAME = 3;

/** From this size on the notifications cost more than two questions for the generation. */
const LARGE_BYTES = 256 << 10;

/** A change by somebody else. */
export interface ForeignChange {
  /** The names of the watched tables that it touched; all of them when that is not known. */
  readonly tables: readonly string[];
  /** Who, as `nft (process 4711)`; "unknown" when the kernel could not say. */
  readonly by: string;
}

/** What the monitor stands on. */
export interface NftMonitorOptions {
  /** Whose commits are our own. */
  readonly kernel: NftKernel;
  /** Names of the tables to watch, in every family; may grow and shrink meanwhile. */
  readonly tables: ReadonlySet<string>;
  /** Told of every change by somebody else; must not throw. */
  readonly onForeignChange: (change: ForeignChange) => void;
  /** Told when the monitor has to end because its socket cannot be read any more. */
  readonly onEnd: (reason: string) => void;
  readonly clock: Clock;
}

/** Listens to nf_tables in the network namespace in which it was opened, until it is closed. */
export class NftMonitor {
  readonly #options: NftMonitorOptions;
  readonly #socket: NetlinkSocket;
  readonly #control: NetlinkSocket;
  readonly #wake: Wake;
  readonly #unwatch: () => void;
  readonly #suspicion: Suspicion;
  readonly #loop: Promise<void>;
  #generation: number | undefined;
  #open = true;

  /**
   * Starts listening. It keeps the process alive until it is closed.
   *
   * @param options Whose changes are our own, which tables, and whom to tell.
   * @throws {WeirError} WEIR_NETLINK when the kernel refuses.
   */
  constructor(options: NftMonitorOptions) {
    this.#options = options;
    this.#suspicion = new Suspicion({
      clock: options.clock,
      report: () => this.#report(options.tables, "unknown"),
    });
    using opening = new DisposableStack();
    this.#socket = opening.adopt(new NetlinkSocket(NETLINK.NETFILTER), (socket) => socket.close());
    this.#control = opening.adopt(new NetlinkSocket(NETLINK.NETFILTER), (socket) => socket.close());
    this.#wake = opening.adopt(new Wake(), (wake) => wake.close());
    this.#socket.ignorePort(options.kernel.portId);
    this.#socket.join(GROUP);
    opening.move();
    this.#unwatch = options.kernel.watch({
      before: (bytes) => this.#before(bytes),
      after: (outcome) => this.#after(outcome),
    });
    this.#loop = this.#run();
  }

  #before(bytes: number): void {
    if (bytes < LARGE_BYTES) return;
    this.#generation = readGeneration(this.#control);
    this.#socket.leave(GROUP);
  }

  #after(outcome: "committed" | "refused"): void {
    if (this.#generation === undefined) return;
    this.#socket.join(GROUP);
    const own = outcome === "committed" ? 1 : 0;
    const moved = readGeneration(this.#control) - this.#generation;
    this.#generation = undefined;
    if (moved > own || moved < 0) this.#suspicion.raise();
  }

  #report(tables: Iterable<string>, by: string): void {
    const names = [...tables].sort();
    if (names.length > 0) this.#options.onForeignChange({ tables: names, by });
  }

  async #run(): Promise<void> {
    try {
      while (this.#open) {
        await this.#socket.readable(this.#wake);
        if (this.#open) this.#drain();
      }
    } catch (fault) {
      if (this.#open) this.#options.onEnd(messageOf(fault));
    }
  }

  #drain(): void {
    const touched = new Set<string>();
    let by = "unknown";
    for (;;) {
      const received = this.#socket.receive();
      if (received.type === "nothing") return this.#report(touched, by);
      if (received.type === "overrun") {
        for (const table of this.#options.tables) touched.add(table);
        continue;
      }
      for (const message of received.messages) {
        if (message.type >> 8 !== NFT_SUBSYSTEM) continue;
        if ((message.type & 0xff) === NFT_MSG_NEWGEN) {
          // A commit's end. It may have touched other tables only: name nobody for that.
          if (touched.size > 0) by = author(message);
          continue;
        }
        const table = tableOf(message);
        if (table !== undefined && this.#options.tables.has(table)) touched.add(table);
      }
    }
  }

  /**
   * Stops listening.
   *
   * @returns When the sockets are closed.
   */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#unwatch();
    this.#suspicion.stop();
    this.#wake.ring();
    await this.#loop;
    this.#socket.close();
    this.#control.close();
    this.#wake.close();
  }
}

function author(message: NetlinkMessage): string {
  const attributes = readAttributes(message.bytes, NFT_ATTRIBUTES);
  const pid = attributes.get(NFTA_GEN_PROC_PID);
  const name = attributes.get(NFTA_GEN_PROC_NAME);
  if (pid?.length !== 4 || name === undefined) return "unknown";
  return `${readText(name)} (process ${new DataView(pid.buffer, pid.byteOffset, 4).getUint32(0)})`;
}
