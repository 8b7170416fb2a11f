/**
 * The capability `sysctl` with a log of what a plugin changes by it: a plugin's own lines may leave
 * out what it does to the node.
 *
 * @module
 */
import type { Limits } from "../../schemas/wire.ts";
import type { Grants } from "../../schemas/manifest.ts";
import type { GrantedCapability } from "../capabilities/capability.ts";
import { KERNEL_SETTINGS, type SettingFiles } from "../capabilities/sysctl/setting.ts";
import { sysctlCapability } from "../capabilities/sysctl/sysctl.ts";
import type { Clock } from "../clock.ts";
import { Budget } from "../sandbox/budget.ts";
import type { Logger } from "../telemetry/log.ts";

/** What the log stands on. */
export interface SysctlLogOptions {
  /** The plugin's name. */
  readonly plugin: string;
  readonly log: Pick<Logger, "info">;
  /** How much a plugin may have logged, by itself or by what it does. */
  readonly limits: Pick<Limits, "logLinesPerSecond" | "logLinesBurst">;
  readonly clock: Pick<Clock, "now">;
  /** Where the kernel has its settings; its own files if left out. */
  readonly files?: SettingFiles;
}

/**
 * Binds the kernel's settings to one plugin's grant.
 *
 * @param grant The settings by name.
 * @param options The plugin, and where its changes are told.
 * @returns The capability.
 */
export function loggedSysctl(
  grant: NonNullable<Grants["sysctl"]>,
  { plugin, log, limits, clock, files = KERNEL_SETTINGS }: SysctlLogOptions,
): GrantedCapability {
  const { logLinesPerSecond, logLinesBurst } = limits;
  const lines = new Budget(logLinesPerSecond, logLinesBurst, () => clock.now());
  let untold = 0;
  return sysctlCapability(grant, files, (key, { before, after }) => {
    if (!lines.take(1)) {
      untold++;
      return;
    }
    const since = untold === 0 ? {} : { untold };
    untold = 0;
    log.info("Set sysctl", { plugin, sysctl: key, before, value: after, ...since });
  });
}
