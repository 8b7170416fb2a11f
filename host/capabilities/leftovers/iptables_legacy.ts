/**
 * The older iptables (x_tables), whose rules are no part of nf_tables: spoken to by socket options,
 * as iptables-legacy does, so that no program is needed on the node.
 * Source: include/uapi/linux/netfilter_ipv4/ip_tables.h and netfilter_ipv6/ip6_tables.h.
 *
 * @module
 */
import { WeirError } from "../../../schemas/errors.ts";
import { errnoName, errnoOf } from "../errno.ts";
import { checked, cString, errno, fixed, libc, SystemCallError } from "../libc.ts";
import { readSystemFile } from "../system_file.ts";
import type { RuleFamily, XtChainsLeftover } from "./leftover.ts";
import { IPTABLES_TABLES, isKubeProxyChain } from "./ownership.ts";
import { COUNTER_BYTES, type PrunedTable, pruneTable, type XtTable } from "./xt_table.ts";

const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;

/** AF_INET with IPPROTO_IP, AF_INET6 with IPPROTO_IPV6. */
const FAMILY: Readonly<
  Record<RuleFamily, { readonly domain: number; readonly level: number; readonly names: string }>
> = {
  ip: { domain: 2, level: 0, names: "ip_tables_names" },
  ip6: { domain: 10, level: 41, names: "ip6_tables_names" },
};

// The numbers are the same for both families.
const GET_INFO = 64;
const GET_ENTRIES = 65;
const SET_REPLACE = 64;
const SET_ADD_COUNTERS = 65;

/** XT_TABLE_MAXNAMELEN. */
const NAME_BYTES = 32;
/** struct ipt_getinfo: name, hooks, 5 entries, 5 underflows, count, size. */
const INFO_BYTES = 84;
/** struct ipt_get_entries and struct xt_counters_info: name and number, aligned to 8. */
const PREFIX_BYTES = 40;
/** struct ipt_replace up to its rules. */
const REPLACE_BYTES = 96;

/** How often a table is read anew that somebody changed between the reading and the writing. */
const TRIES = 5;

/** What iptables-legacy holds while it reads and writes a table. */
const LOCK_FILE = "/run/xtables.lock";
const O_CREAT_CLOEXEC = 0o100 | 0o2000000;
const LOCK_EX_NB = 2 | 4;
/** Milliseconds between two attempts, and in all; iptables-legacy takes milliseconds. */
const LOCK_POLL = 20;
const LOCK_PATIENCE = 5_000;

/** A file is not there without the module, and not shown without the rights in some containers. */
function tableNames(family: RuleFamily): readonly string[] {
  try {
    // Asking for a table by its name would make the kernel load and register it.
    const names = readSystemFile(`/proc/thread-self/net/${FAMILY[family].names}`);
    return names.split("\n").filter((name) => name !== "");
  } catch (fault) {
    if (fault instanceof SystemCallError && fault.errno === errnoOf("ENOENT")) return [];
    throw fault;
  }
}

/** A table, with how many rules the kernel says it has. */
interface Reading {
  readonly table: XtTable;
  readonly count: number;
}

/** A socket of one family, by which tables are read and written. */
class XtSocket implements Disposable {
  readonly #fd: number;
  readonly #family: RuleFamily;

  constructor(family: RuleFamily) {
    this.#family = family;
    // Any socket of the family takes these options; a raw one would need CAP_NET_RAW besides.
    this.#fd = checked(
      "socket",
      libc().socket(FAMILY[family].domain, SOCK_DGRAM | SOCK_CLOEXEC, 0),
    );
  }

  /** Returns false when the table has another size than the buffer was made for. */
  #get(option: number, buffer: Uint8Array<ArrayBuffer>, table: string): boolean {
    const size = fixed(4);
    new DataView(size.buffer).setUint32(0, buffer.length, true);
    const { level } = FAMILY[this.#family];
    if (libc().getsockopt(this.#fd, level, option, buffer, size) >= 0) return true;
    const number = errno();
    if (number === errnoOf("EAGAIN")) return false;
    throw refusal("read", this.#family, table, number);
  }

  read(name: string): Reading {
    for (let tries = 1; tries <= TRIES; tries++) {
      const reading = this.#read(name);
      if (reading !== undefined) return reading;
    }
    throw refusal("read", this.#family, name, errnoOf("EAGAIN"));
  }

  #read(name: string): Reading | undefined {
    const info = fixed(INFO_BYTES);
    info.set(new TextEncoder().encode(name));
    this.#get(GET_INFO, info, name);
    const view = new DataView(info.buffer);
    const five = (at: number) =>
      [0, 1, 2, 3, 4].map((index) => view.getUint32(at + 4 * index, true));
    const size = view.getUint32(80, true);
    const buffer = fixed(PREFIX_BYTES + size);
    buffer.set(new TextEncoder().encode(name));
    new DataView(buffer.buffer).setUint32(NAME_BYTES, size, true);
    if (!this.#get(GET_ENTRIES, buffer, name)) return undefined;
    return {
      count: view.getUint32(76, true),
      table: {
        family: this.#family,
        validHooks: view.getUint32(32, true),
        hookEntries: five(36),
        underflows: five(56),
        entries: buffer.subarray(PREFIX_BYTES),
      },
    };
  }

  /**
   * Exchanges a table's rules in one step.
   *
   * @returns False when the table has changed since it was read; nothing was done then.
   */
  async replace(name: string, { table, count }: PrunedTable, before: number): Promise<boolean> {
    // The kernel writes the counters of the rules that it lets go of here.
    const old = fixed(Math.max(1, before) * COUNTER_BYTES);
    const buffer = fixed(REPLACE_BYTES + table.entries.length);
    const view = new DataView(buffer.buffer);
    buffer.set(new TextEncoder().encode(name));
    view.setUint32(32, table.validHooks, true);
    view.setUint32(36, count, true);
    view.setUint32(40, table.entries.length, true);
    for (const [index, at] of table.hookEntries.entries()) view.setUint32(44 + 4 * index, at, true);
    for (const [index, at] of table.underflows.entries()) view.setUint32(64 + 4 * index, at, true);
    view.setUint32(84, before, true);
    const pointer = Deno.UnsafePointer.value(Deno.UnsafePointer.of(old));
    view.setBigUint64(88, pointer, true);
    buffer.set(table.entries, REPLACE_BYTES);
    return await this.#set(SET_REPLACE, buffer, name);
  }

  /** New rules begin at zero; what the kept ones had counted is added. */
  async addCounters(name: string, { count, counters }: PrunedTable): Promise<void> {
    const buffer = fixed(PREFIX_BYTES + counters.length);
    buffer.set(new TextEncoder().encode(name));
    new DataView(buffer.buffer).setUint32(NAME_BYTES, count, true);
    buffer.set(counters, PREFIX_BYTES);
    await this.#set(SET_ADD_COUNTERS, buffer, name);
  }

  async #set(option: number, buffer: Uint8Array<ArrayBuffer>, table: string): Promise<boolean> {
    const { level } = FAMILY[this.#family];
    // The kernel checks every rule within this call: 10,000 Services are some 30 MB of them.
    if (await libc().setsockoptBeside(this.#fd, level, option, buffer, buffer.length) >= 0) {
      return true;
    }
    // errno stayed on the other thread; what was refused had no effect, so it is tried again here.
    if (libc().setsockopt(this.#fd, level, option, buffer, buffer.length) >= 0) return true;
    const number = errno();
    if (number === errnoOf("EAGAIN")) return false;
    throw refusal("write", this.#family, table, number);
  }

  [Symbol.dispose](): void {
    libc().close(this.#fd);
  }
}

function refusal(action: string, family: RuleFamily, table: string, number: number): WeirError {
  return new WeirError(
    "WEIR_NETLINK",
    `Cannot ${action} iptables table "${family} ${table}": the kernel says ${errnoName(number)}`,
    { cause: new SystemCallError(`${action} table`, number) },
  );
}

/** Does something while iptables-legacy waits. */
async function locked<T>(work: () => Promise<T>): Promise<T> {
  const fd = libc().openCreating(cString(LOCK_FILE), O_CREAT_CLOEXEC, 0o600);
  // In a container without the host's /run nobody else's lock can be had, and the kernel refuses a
  // table whose number of rules has changed meanwhile.
  if (fd < 0) return await work();
  try {
    for (let waited = 0; libc().flock(fd, LOCK_EX_NB) < 0; waited += LOCK_POLL) {
      if (waited >= LOCK_PATIENCE) {
        throw new WeirError(
          "WEIR_NETLINK",
          `Cannot lock "${LOCK_FILE}": another program has held it for ${LOCK_PATIENCE} ms`,
        );
      }
      await new Promise((resume) => setTimeout(resume, LOCK_POLL));
    }
    return await work();
  } finally {
    libc().close(fd);
  }
}

/**
 * Finds kube-proxy's chains in the tables of the older iptables.
 *
 * @returns One leftover for each table that has some.
 * @throws {SystemCallError} When the kernel does not tell which tables there are.
 * @throws {WeirError} WEIR_NETLINK when a table cannot be read.
 */
export function findXtChains(): readonly XtChainsLeftover[] {
  return (["ip", "ip6"] as const).flatMap((family) => {
    const names = tableNames(family);
    const tables = IPTABLES_TABLES.filter((table) => names.includes(table));
    if (tables.length === 0) return [];
    using socket = new XtSocket(family);
    return tables.flatMap((table): XtChainsLeftover[] => {
      const { chains, jumps } = pruneTable(socket.read(table).table, isKubeProxyChain);
      if (chains.length === 0) return [];
      return [{ place: "iptables-legacy", owner: "kube-proxy", family, table, chains, jumps }];
    });
  });
}

/**
 * Removes kube-proxy's chains from one table of the older iptables, in one step. The counters of
 * the other rules stay.
 *
 * @param leftover As it was found.
 * @throws {WeirError} WEIR_NETLINK when the kernel refuses.
 */
export async function removeXtChains({ family, table }: XtChainsLeftover): Promise<void> {
  await locked(async () => {
    using socket = new XtSocket(family);
    for (let tries = 1; tries <= TRIES; tries++) {
      const { table: found, count } = socket.read(table);
      const pruned = pruneTable(found, isKubeProxyChain);
      if (pruned.chains.length === 0) return;
      if (await socket.replace(table, pruned, count)) {
        await socket.addCounters(table, pruned);
        return;
      }
    }
    throw refusal("write", family, table, errnoOf("EAGAIN"));
  });
}
