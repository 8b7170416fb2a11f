/**
 * Tunes the node once, for a start that does no more than what takes privileges (`--init-only`).
 *
 * @module
 */
import type { WeirConfig } from "../../schemas/config.ts";
import { loadConntrack } from "../capabilities/conntrack/load.ts";
import { type PluginGround, prepareJail, startPlugin, tunerOf } from "../plugins.ts";
import { loggedSysctl } from "./sysctl_log.ts";
import { type ConntrackSettings, tunerConfigOf } from "./tuner_config.ts";

/** What tuning once stands on. */
export interface TuneOnceOptions extends Omit<PluginGround, "capabilities"> {
  readonly nodeName: string;
  /** What the configuration says of plugins. */
  readonly plugins: WeirConfig["plugins"];
  /** Processors of the node, 1 or more. */
  readonly cpus: number;
}

function ungranted(): never {
  throw new TypeError("Cannot bind capability: a conntrack-tuner is granted sysctl only");
}

/**
 * Has the conntrack-tuner set what is configured, and ends it again.
 *
 * @param settings What is wanted.
 * @param options The node, and what the plugin stands on.
 * @returns Settles when everything is as configured and the plugin's process is gone.
 * @throws {WeirError} WEIR_PLUGIN_FAILED with the reason and the remedy when anything could not be
 * set; WEIR_PLUGIN_LOAD when the tuner cannot be had.
 */
export async function tuneOnce(
  settings: ConntrackSettings,
  options: TuneOnceOptions,
): Promise<void> {
  const config = tunerConfigOf(settings);
  if (Object.keys(config).length === 0) return;
  await loadConntrack();
  const conntrack = () => settings;
  const ground: PluginGround = {
    ...options,
    capabilities: ({ plugin }) => ({
      nft: ungranted,
      conntrack: ungranted,
      sysctl: (grant) => loggedSysctl(grant, { ...options, plugin, conntrack }),
    }),
  };
  const tuner = await startPlugin(
    tunerOf(options, options.home),
    { kind: "conntrack-tuner", mode: "on-demand", observe: () => {} },
    ground,
    prepareJail(ground),
  );
  try {
    await tuner.call("tune", { node: { name: options.nodeName, cpus: options.cpus }, config });
  } finally {
    await tuner.stop();
  }
}
