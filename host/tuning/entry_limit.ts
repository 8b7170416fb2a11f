/**
 * How many entries a plugin may let the kernel's connection tracking have.
 *
 * @module
 */
import type { ConntrackSettings } from "./tuner_config.ts";

/**
 * What one tracked connection takes: struct nf_conn has 256 bytes, its extensions (NAT, labels,
 * accounting) up to 128 (Linux 6.18). A bucket takes 8, and all of them at once when their number
 * is set.
 */
const ENTRY_BYTES = 384;

/** What of the node the limit depends on. */
export interface Machine {
  /** Processors, 1 or more. */
  readonly cpus: number;
  /** Bytes; 0 when they are not known. */
  readonly memory: number;
}

/**
 * The most entries and buckets that a plugin may set. An operator may configure what they like, as
 * with kube-proxy; a plugin that means better, or worse, stays within what the machine can hold.
 *
 * @param settings The configuration.
 * @param machine The node.
 * @returns Entries: what fills half of the memory, or what is configured if that is more.
 */
export function entryLimit(
  { maxPerCore, min }: Pick<ConntrackSettings, "maxPerCore" | "min">,
  { cpus, memory }: Machine,
): number {
  const configured = maxPerCore === 0 ? 0 : Math.max(min, maxPerCore * cpus);
  return Math.max(configured, Math.floor(memory / 2 / ENTRY_BYTES));
}
