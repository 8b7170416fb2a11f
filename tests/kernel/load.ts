/**
 * Steady new connections while something happens, and the proof that none of them failed.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readSystemFile } from "../../host/capabilities/system_file.ts";
import type { Member } from "../kit/packet/topology.ts";
import { PORT, VIP } from "./cluster.ts";
import { LineChild } from "./line_child.ts";

/** Where a connection goes. */
export interface LoadTarget {
  /** Text of an IPv4 or IPv6 address. */
  readonly address: string;
  /** 1–65535. */
  readonly port: number;
}

/** What the load's program is asked. */
export type LoadQuestion =
  | {
    readonly do: "start";
    readonly targets: readonly LoadTarget[];
    readonly perSecond: number;
    /** Milliseconds until a connection that is not answered counts as failed. */
    readonly timeout: number;
  }
  | { readonly do: "stop" };

/** How all connections went. */
export interface LoadReport {
  /** How many were begun. */
  readonly connections: number;
  /** How many each server answered, by its name. */
  readonly byServer: Readonly<Record<string, number>>;
  /** Those that were not answered, each with its beginning in milliseconds since the start. */
  readonly failures: readonly { readonly afterStart: number; readonly error: string }[];
}

/** Milliseconds; the kernel sends a lost SYN again after 1,000. */
const TIMEOUT = 5_000;

/** New connections per second. */
const PER_SECOND = 200;

/** Both families in turn. */
const TARGETS: readonly LoadTarget[] = [VIP[4], VIP[6]].map((address) => ({ address, port: PORT }));

/**
 * How often the kernel sent a SYN again because nobody had answered the first: every one is a
 * packet that was lost on the way to a Service or back. Source: LINUX_MIB_TCPSYNRETRANS.
 */
function synRetransmissions({ namespace }: Member): number {
  const text = namespace.inside(() => readSystemFile("/proc/thread-self/net/netstat"));
  const [names = [], values = []] = text.split("\n").filter((line) => line.startsWith("TcpExt:"))
    .map((line) => line.split(" "));
  const value = values[names.indexOf("TCPSynRetrans")];
  assert.ok(value !== undefined, "the kernel does not count retransmitted SYNs");
  return Number(value);
}

/** 200 new connections a second to the Service of cluster.ts, half of them over IPv6. */
export class Load implements AsyncDisposable {
  readonly #from: Member;
  readonly #child: LineChild<LoadQuestion, { start: null; stop: LoadReport }>;
  readonly #before: number;

  private constructor(from: Member) {
    this.#from = from;
    this.#before = synRetransmissions(from);
    this.#child = new LineChild({
      name: `load of ${from.name}`,
      namespace: from.namespace,
      module: import.meta.resolve("./load_child.ts"),
      permissions: ["--allow-net"],
    });
  }

  /**
   * Starts the connections.
   *
   * @param from Who connects.
   * @param timeout Milliseconds until a connection that is not answered counts as failed.
   * @returns The load, under way.
   */
  static async start(from: Member, timeout = TIMEOUT): Promise<Load> {
    const load = new Load(from);
    await load.#child.ask({ do: "start", targets: TARGETS, perSecond: PER_SECOND, timeout });
    return load;
  }

  /**
   * Ends the connections, and fails unless every one was answered, and next to none lost its first
   * packet: a gap in the rules of 10 ms would lose two, while on a starved machine a listener whose
   * backlog is full for a moment drops one now and then, rules or no rules.
   *
   * @param seconds How long it must have gone on at the least: fewer connections prove nothing.
   * @returns How they went.
   */
  async noneFailed(seconds: number): Promise<LoadReport> {
    const report = await this.#child.ask({ do: "stop" });
    const { connections, failures } = report;
    assert.deepEqual(failures, [], `${failures.length} of ${connections} connections failed`);
    assert.ok(connections >= seconds * PER_SECOND, `only ${connections} connections were made`);
    const answered = Object.values(report.byServer).reduce((sum, count) => sum + count, 0);
    assert.equal(answered, connections);
    const lost = synRetransmissions(this.#from) - this.#before;
    const drops = Math.ceil(connections / 2_000);
    assert.ok(lost <= drops, `${lost} first packets of ${connections} connections were lost`);
    return report;
  }

  /** Ends the program. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}
