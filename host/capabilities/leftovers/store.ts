/**
 * All places of one network namespace in which a proxy leaves something.
 *
 * @module
 */
import { messageOf, WeirError } from "../../../schemas/errors.ts";
import { errnoOf } from "../errno.ts";
import { NftKernel } from "../nft/kernel.ts";
import { errnoOfFault, isBusy, isGone } from "./refusal.ts";
import { findXtChains, removeXtChains } from "./iptables_legacy.ts";
import { findSets, removeSet } from "./ipset.ts";
import { findIpvs, removeDevice, removeIpvs } from "./ipvs.ts";
import { type Leftover, type LeftoverStore, PLACES } from "./leftover.ts";
import { findNftChains, findTables, removeNftChains, removeTable } from "./nf_tables.ts";
import { findCounters, removeCounter } from "./nfacct.ts";

const REMEDIES: ReadonlyMap<number, string> = new Map([
  [errnoOf("EPERM"), "run weir as root or with CAP_NET_ADMIN"],
  // /proc/net/ip_tables_names is for its owner to read, whatever capabilities others have.
  [errnoOf("EACCES"), "run weir as user root, with CAP_NET_ADMIN at least"],
]);

function explained(fault: unknown): unknown {
  const errno = errnoOfFault(fault);
  const remedy = errno === undefined ? undefined : REMEDIES.get(errno);
  if (remedy === undefined) return fault;
  return new WeirError(
    "WEIR_NETLINK",
    `Cannot look for leftovers "of this network namespace": ${messageOf(fault)}; ${remedy}`,
    { cause: fault },
  );
}

/**
 * Milliseconds after the removal of rules in which what they used may still be in use: nf_tables
 * lets go of a rule's matches on a thread of its own, after the commit has been answered
 * (nf_tables_trans_destroy_work).
 */
const RELEASE = 2_000;
/** Milliseconds between two attempts. */
const POLL = 10;

/**
 * Opens what is on a node.
 *
 * @param kernel nf_tables of the namespace of the calling thread, in which everything else is
 * looked for, too.
 * @returns Finds and removes.
 */
function leftoverStore(kernel: NftKernel): LeftoverStore {
  let rulesRemoved = -Infinity;
  const unused = async (remove: () => void): Promise<void> => {
    for (;;) {
      try {
        return remove();
      } catch (fault) {
        if (!isBusy(fault) || performance.now() > rulesRemoved + RELEASE) throw fault;
        await new Promise((resume) => setTimeout(resume, POLL));
      }
    }
  };
  const remove = async (leftover: Leftover): Promise<void> => {
    switch (leftover.place) {
      case "nftables":
        return await removeTable(kernel, leftover);
      case "iptables-nft":
        await removeNftChains(kernel, leftover);
        rulesRemoved = performance.now();
        return;
      case "iptables-legacy":
        return await removeXtChains(leftover);
      case "ipset":
        return await unused(() => removeSet(leftover));
      case "nfacct":
        return await unused(() => removeCounter(leftover));
      case "ipvs":
        return removeIpvs();
      case "link":
        return removeDevice(leftover);
    }
  };
  return {
    async find(scope) {
      try {
        const tables = await findTables(kernel);
        if (scope === "tables") return tables;
        const found: Leftover[] = [
          ...tables,
          ...await findNftChains(kernel),
          ...findXtChains(),
          ...await findSets(),
          ...await findCounters(),
          ...findIpvs(),
        ];
        return found.sort((a, b) => PLACES.indexOf(a.place) - PLACES.indexOf(b.place));
      } catch (fault) {
        throw explained(fault);
      }
    },
    async remove(leftover) {
      try {
        await remove(leftover);
      } catch (fault) {
        if (!isGone(fault)) throw fault;
      }
    },
  };
}

/**
 * Opens what is on the node for as long as something is done with it.
 *
 * @param work What.
 * @returns What it returned.
 * @throws {WeirError} WEIR_NETLINK when the kernel refuses a socket, or whatever `work` threw.
 */
export async function withLeftoverStore<T>(
  work: (store: LeftoverStore) => Promise<T>,
): Promise<T> {
  const kernel = new NftKernel({ now: () => performance.now() });
  try {
    return await work(leftoverStore(kernel));
  } finally {
    await kernel.close();
  }
}
