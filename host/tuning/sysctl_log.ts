/**
 * The capability `sysctl` with a log of what a plugin changes by it: a plugin's own lines may leave
 * out what it does to the node.
 *
 * @module
 */
import type { Limits } from "../../schemas/wire.ts";
import type { Grants } from "../../schemas/manifest.ts";
import type { SysctlChange, SysctlKey } from "../../schemas/sysctl.ts";
import type { GrantedCapability } from "../capabilities/capability.ts";
import { memoryBytes, onlineProcessors } from "../capabilities/sysctl/readings.ts";
import { KERNEL_SETTINGS, type SettingFiles } from "../capabilities/sysctl/setting.ts";
import { sysctlCapability } from "../capabilities/sysctl/sysctl.ts";
import type { Clock } from "../clock.ts";
import { Budget } from "../sandbox/budget.ts";
import type { Logger } from "../telemetry/log.ts";
import { entryLimit, type Machine } from "./entry_limit.ts";
import type { ConntrackSettings } from "./tuner_config.ts";

const readMachine = (): Machine => ({ cpus: onlineProcessors(), memory: memoryBytes() });

/** What the log stands on, and the limit. */
export interface SysctlLogOptions {
  /** The plugin's name. */
  readonly plugin: string;
  readonly log: Pick<Logger, "info">;
  /** How much a plugin may have logged, by itself or by what it does. */
  readonly limits: Pick<Limits, "logLinesPerSecond" | "logLinesBurst">;
  readonly clock: Pick<Clock, "now">;
  /** What is configured, which limits how many entries connection tracking may be given. */
  readonly conntrack: () => Pick<ConntrackSettings, "maxPerCore" | "min">;
  /** Where the kernel has its settings; its own files if left out. */
  readonly files?: SettingFiles;
  /** The node; what the kernel says of it if left out. */
  readonly machine?: () => Machine;
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
  options: SysctlLogOptions,
): GrantedCapability {
  const { plugin, log, limits, clock, conntrack } = options;
  const { files = KERNEL_SETTINGS, machine = readMachine } = options;
  const mostEntries = () => entryLimit(conntrack(), machine());
  const { logLinesPerSecond, logLinesBurst } = limits;
  const lines = new Budget(logLinesPerSecond, logLinesBurst, () => clock.now());
  let untold = 0;
  const changed = (key: SysctlKey, { before, after }: SysctlChange) => {
    if (!lines.take(1)) {
      untold++;
      return;
    }
    const since = untold === 0 ? {} : { untold };
    untold = 0;
    log.info("Set sysctl", { plugin, sysctl: key, before, value: after, ...since });
  };
  return sysctlCapability(grant, files, { changed, mostEntries });
}
