/**
 * `--init-only`: what takes privileges, so that the process which runs for months needs none but
 * CAP_NET_ADMIN. It knows no API server and programs nothing.
 *
 * The OOM score is not part of it: it belongs to a process and ends with it
 * (proc_pid_oom_score_adj(5)), so that the one that runs has to be given it by its supervisor.
 *
 * @module
 */
import type { Log } from "../../schemas/capability.ts";
import type { WeirConfig } from "../../schemas/config.ts";
import type { FamilySupport } from "../capabilities/nft/families.ts";

import { requireKernel } from "./kernel_requirement.ts";
import { requireFamilies } from "./start.ts";

/** What it does to the world. */
export interface InitEffects {
  /** The kernel's release, for example `6.18.44`. */
  readonly release: string;
  /** Whether an older kernel is to be tried all the same. */
  readonly skipKernelCheck: boolean;
  /** Asks the kernel what it can serve, which has it load its modules. */
  readonly probe: (options: { readonly rules: boolean }) => Promise<FamilySupport>;
  /** Sets the node's connection tracking. */
  readonly tune: () => Promise<void>;
  readonly log: Log;
}

/**
 * Sets the node up.
 *
 * @param config The configuration.
 * @param effects What it does to the world.
 * @returns Settles when everything is as configured.
 * @throws {WeirError} WEIR_KERNEL when the kernel is no good, WEIR_PLUGIN_FAILED when a setting cannot
 * be made; each with the remedy.
 */
export async function initialise(
  config: Pick<WeirConfig, "mode">,
  effects: InitEffects,
): Promise<void> {
  const { release, skipKernelCheck, probe, tune, log } = effects;
  requireKernel(config.mode, release, skipKernelCheck);
  requireFamilies(await probe({ rules: config.mode.type === "builtin" }), log);
  await tune();
  log.info("The node is set up; ending, as --init-only says");
}
