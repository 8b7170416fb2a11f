/**
 * Looks at what makes Services go unanswered though all rules are right: a conntrack table that is
 * nearly full, and a kernel that forwards nothing. It warns; the remedy is the operator's.
 *
 * @module
 */
import type { Log } from "../../schemas/capability.ts";
import type { IpFamily } from "../../schemas/kube.ts";
import type { Forwarding } from "../capabilities/sysctl/readings.ts";
import type { Clock } from "../clock.ts";

/** What the watch stands on. */
export interface KernelWatchOptions {
  /** How full the conntrack table is; undefined while there is none. */
  readonly usage: () => { readonly entries: number; readonly limit: number } | undefined;
  /** Whether packets are forwarded. */
  readonly forwarding: (family: IpFamily) => Forwarding;
  /** Whether there is a Service of the family with endpoints; asked when nothing is forwarded. */
  readonly serves: (family: IpFamily) => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** Milliseconds between two looks, each of which reads four small files of the kernel. */
const INTERVAL_MS = 5_000;
/** Of the limit: from here on it is warned. */
const NEARLY_FULL = 0.9;
/** Of the limit: below this the table has room again. Apart, so as not to warn of every wave. */
const ROOM_AGAIN = 0.8;

const FAMILIES: readonly IpFamily[] = ["IPv4", "IPv6"];

const FORWARDING: Readonly<Record<IpFamily, string>> = {
  IPv4: "net.ipv4.ip_forward",
  IPv6: "net.ipv6.conf.all.forwarding",
};

/** Warns of what the kernel lacks, once each time that it comes to lack it. */
export class KernelWatch {
  readonly #options: KernelWatchOptions;
  readonly #closed = new Set<IpFamily>();
  #full = false;
  #cancel: () => void = () => {};

  /** @param options The kernel and the log. */
  constructor(options: KernelWatchOptions) {
    this.#options = options;
  }

  /** Looks now, and from now on. */
  start(): void {
    this.#look();
    this.#cancel = this.#options.clock.after(INTERVAL_MS, () => this.start());
  }

  /** Looks no more. */
  stop(): void {
    this.#cancel();
  }

  #look(): void {
    this.#lookAtTable();
    for (const family of FAMILIES) this.#lookAtForwarding(family);
  }

  #lookAtTable(): void {
    const { usage, log } = this.#options;
    const table = usage();
    if (table === undefined) return;
    const { entries, limit } = table;
    const ratio = limit === 0 ? 0 : entries / limit;
    if (!this.#full && ratio > NEARLY_FULL) {
      this.#full = true;
      log.warn(
        "The conntrack table is nearly full; once it is, the kernel drops every new connection. " +
          "Raise --conntrack-min or --conntrack-max-per-core, or shorten the timeouts",
        { entries, limit, percent: Math.floor(ratio * 100) },
      );
    } else if (this.#full && ratio < ROOM_AGAIN) {
      this.#full = false;
      log.info("The conntrack table has room again", { entries, limit });
    }
  }

  #lookAtForwarding(family: IpFamily): void {
    const { forwarding, serves, log } = this.#options;
    const sysctl = FORWARDING[family];
    const state = forwarding(family);
    if (state !== "off") {
      const again = this.#closed.delete(family) && state === "on";
      if (again) log.info("The kernel forwards packets again", { sysctl });
      return;
    }
    if (this.#closed.has(family) || !serves(family)) return;
    this.#closed.add(family);
    log.warn(
      "The kernel forwards no packets between interfaces, so Services answer nobody but this " +
        `node: run \`sysctl -w ${sysctl}=1\`, and set it in /etc/sysctl.d to last`,
      { ipFamily: family, sysctl },
    );
  }
}
