/**
 * What the proxy stands on: everything of the machine and of the process, gathered by the program.
 *
 * @module
 */
import type { WeirConfig } from "../schemas/config.ts";
import type { Source } from "../schemas/kube.ts";
import type { NodeFeatures } from "../schemas/manifest.ts";
import type { FamilySupport } from "./capabilities/nft/families.ts";
import type { Clock } from "./clock.ts";
import type { PluginRoster } from "./plugin_roster.ts";
import type { Prepared } from "./prepared.ts";
import type { ConfigFileOptions } from "./reload/config_file.ts";
import type { ReloaderOptions } from "./reload/reloader.ts";
import type { Profiling } from "./profiles/profiling.ts";
import type { DebugRoutesOptions } from "./routes/debug.ts";
import type { Logger } from "./telemetry/log.ts";
import type { MetricRegistry } from "./telemetry/metrics.ts";
import type { MachineIds } from "./process/machine.ts";
import type { Silence } from "./source/silence.ts";
import type { Tracing } from "./telemetry/trace.ts";
import type { TraceStore } from "./telemetry/audience.ts";

/** What the proxy stands on. */
export interface ProxyEnvironment {
  /** For example `0.1.0`. */
  readonly version: string;
  readonly node: NodeFeatures;
  /** What the kernel can serve; one family at least. */
  readonly families: FamilySupport;
  readonly machine: MachineIds;
  /** The path of the Deno program. */
  readonly deno: string;
  /** weir's own folder; ends in `/`. */
  readonly home: URL;
  /** Where bundles are kept; ends in `/`. */
  readonly cache: URL;
  /** What relative paths of plugins are relative to; ends in `/`. */
  readonly base: URL;
  /** Makes the source of objects that a configuration asks for. */
  readonly openSource: (config: WeirConfig) => Source;
  /** What no source has heard of for longest; undefined while everything is heard. */
  readonly silence: () => Silence | undefined;
  readonly clock: Clock;
  /** A number from 0 up to 1. */
  readonly random: () => number;
  readonly log: Logger;
  readonly registry: MetricRegistry;
  readonly tracing: Tracing;
  /** The last syncs. */
  readonly traces: TraceStore;
  /** Profiles the host and its plugins; undefined without --profiling. */
  readonly profiling: Profiling | undefined;
  readonly debug: DebugRoutesOptions;
  /** Is told of every plugin, for the page. */
  readonly roster: PluginRoster;
  /** Collects garbage and gives its pages back; undefined where V8 does not offer it. */
  readonly collect: (() => void) | undefined;
  /** The file that the configuration comes from; undefined when all of it comes from flags. */
  readonly configFile:
    | Pick<ReloaderOptions, "path" | "resolve"> & Pick<ConfigFileOptions, "readText">
    | undefined;
  /** Sets the OOM score, or says in one sentence why it cannot. */
  readonly adjustOomScore: (score: number) => string | undefined;
  /** Makes the log ready for another configuration. */
  readonly prepareLogging: (config: WeirConfig) => Prepared;
  /** Ends the proxy; the kernel keeps the rules. */
  readonly signal: AbortSignal;
}
