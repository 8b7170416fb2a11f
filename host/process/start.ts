/**
 * What a process does before it proxies, in the order in which it may fail: it must be allowed to
 * work here, alone, on a kernel that can do it.
 *
 * @module
 */
import type { Log } from "../../schemas/capability.ts";
import type { WeirConfig } from "../../schemas/config.ts";
import { WeirError } from "../../schemas/errors.ts";
import type { InstanceClaim } from "../capabilities/instance.ts";
import type { FamilySupport } from "../capabilities/nft/families.ts";
import type { Clock } from "../clock.ts";
import type { Logger } from "../telemetry/log.ts";
import { requireKernel } from "./kernel_requirement.ts";
import { type MachineIds, readMachineIds } from "./machine.ts";
import { becomeOnlyInstance } from "./single_instance.ts";

/** The part of the configuration that is about the process. */
export type StartConfig = Pick<
  WeirConfig,
  "mode" | "oomScoreAdj" | "bootIdFiles" | "machineIdFiles"
>;

/** What the start does to the world. */
export interface StartEffects {
  /** The kernel's release, for example `6.18.44`. */
  readonly release: string;
  /** Whether an older kernel is to be tried all the same. */
  readonly skipKernelCheck: boolean;
  /** Claims the network namespace. */
  readonly claim: () => InstanceClaim;
  /** Asks the kernel what it can serve; with rules of nf_tables or without. */
  readonly probe: (options: { readonly rules: boolean }) => Promise<FamilySupport>;
  /** Sets the OOM score, or says in one sentence why it cannot. */
  readonly adjustOomScore: (score: number) => string | undefined;
  /** Reads a file of the system. */
  readonly readFile: (path: string) => string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends the start. */
  readonly signal: AbortSignal;
}

/** What was found out. */
export interface Beginning {
  /** What the kernel can serve, one family at least. */
  readonly families: FamilySupport;
  readonly machine: MachineIds;
}

/**
 * Makes sure that a kernel can serve at least one family, and says why it cannot serve another.
 *
 * @param support What it can serve.
 * @param log Where to say it.
 * @throws {WeirError} WEIR_KERNEL with the reasons when it can serve none.
 */
export function requireFamilies(support: FamilySupport, log: Log): void {
  const reasons = Object.entries(support.lacking);
  if (support.working.length === 0) {
    const state = reasons.map(([, reason]) => reason).join("; ");
    throw new WeirError("WEIR_KERNEL", `Cannot serve "IPv4" or "IPv6" on this kernel: ${state}`);
  }
  for (const [family, reason] of reasons) {
    log.info("This kernel cannot serve an IP family", { family, reason });
  }
}

/**
 * Makes sure that this process may proxy here.
 *
 * @param config The configuration.
 * @param effects What it does to the world.
 * @returns What was found out; undefined when the signal came first.
 * @throws {WeirError} WEIR_KERNEL, WEIR_RUNNING or WEIR_NETLINK, each with its remedy.
 */
export async function beginProcess(
  config: StartConfig,
  effects: StartEffects,
): Promise<Beginning | undefined> {
  const { log, clock, signal, claim } = effects;
  const machine = readMachineIds(config, effects.readFile);
  log.info("On machine", { ...machine, kernel: effects.release });
  requireKernel(config.mode, effects.release, effects.skipKernelCheck);
  if (await becomeOnlyInstance({ action: "start weir", claim, clock, log, signal }) === "aborted") {
    return undefined;
  }
  const refusal = effects.adjustOomScore(config.oomScoreAdj);
  if (refusal !== undefined) log.warn(refusal);
  const families = await effects.probe({ rules: config.mode.type === "builtin" });
  requireFamilies(families, log);
  return { families, machine };
}
