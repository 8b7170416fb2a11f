/**
 * What plugins stand on in a command that starts some for a moment, beside no proxy or beside one
 * that runs: without a log, a profile or a place on the page.
 *
 * @module
 */
import type { WeirConfig } from "../schemas/config.ts";
import type { CredentialSource } from "../schemas/credentials.ts";
import { systemClock } from "./clock.ts";
import type { PluginGround } from "./plugins.ts";
import { createLog } from "./telemetry/log.ts";

/** What is known of the process of a command. */
export interface CommandMachine {
  /** weir's, for example `0.1.0`. */
  readonly version: string;
  /** weir's own folder; ends in `/`. */
  readonly home: URL;
  /** The path of the Deno program. */
  readonly deno: string;
  /** The kernel's release. */
  readonly release: string;
  /** What relative paths of plugins are relative to; ends in `/`. */
  readonly base: URL;
  /** Reads an environment variable. */
  readonly env: (name: string) => string | undefined;
  /** Makes the credentials for the API server. */
  readonly credentials: (config: WeirConfig) => CredentialSource;
}

/**
 * Gathers what plugins stand on.
 *
 * @param machine What is known of this process.
 * @param config Limits of plugins.
 * @param capabilities Makes what a plugin is granted.
 * @returns The ground, with a log that writes nothing.
 */
export function bareGround(
  { version, home, deno, release, base }: CommandMachine,
  { limits }: Pick<WeirConfig, "limits">,
  capabilities: PluginGround["capabilities"],
): PluginGround {
  return {
    deno,
    home,
    base,
    cache: new URL(".weir/plugins/", home),
    version,
    node: { os: "linux", kernel: release },
    limits,
    capabilities,
    clock: systemClock,
    random: Math.random,
    log: createLog({ now: () => Date.now(), gate: () => ({ verbosity: 0 }), write: () => {} }),
    profiling: undefined,
  };
}
