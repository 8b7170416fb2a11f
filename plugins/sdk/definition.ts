/**
 * How an author says what a plugin is: one object with a manifest's fields and the handlers.
 *
 * @module
 */
import type { Log } from "../../schemas/capability.ts";
import { WeirError } from "../../schemas/errors.ts";
import type {
  DetectorConfig,
  DetectorNode,
  ExplainQuery,
  ExplainStep,
  ServicePortTraffic,
  TrafficQuery,
  TunerConfig,
  TunerNode,
} from "../../schemas/calls.ts";
import type { CapabilityRequests, NodeFeatures, PluginManifest } from "../../schemas/manifest.ts";
import type { Diff, LocalMatch, Snapshot } from "../../schemas/view.ts";
import type { Metric } from "./metric.ts";
import type { ConntrackClient } from "./conntrack.ts";
import type { NftClient } from "./nft/client.ts";
import type { SysctlClient } from "./sysctl.ts";
import type { Trace } from "./trace.ts";
import type { Pipe } from "./serve.ts";
import { serve } from "./serve.ts";

/** What every handler with capabilities is given, asked for or not. */
export interface BasicCapabilities {
  /** Writes to the host's log, under the plugin's name. */
  readonly log: Log;
  /** Counts and measures, on the host's /metrics. */
  readonly metric: Metric;
  /** Measures parts of the handler's work, in the trace of the sync. */
  readonly trace: Trace;
  /** What the node is. */
  readonly features: NodeFeatures;
}

/**
 * The capabilities a handler is given: those it requires for certain, those it uses if they were
 * granted, and the basic ones.
 */
export type Capabilities<Requires, Uses> =
  & BasicCapabilities
  & (Requires extends { readonly nft: object } ? { readonly nft: NftClient }
    : Uses extends { readonly nft: object } ? { readonly nft?: NftClient }
    : unknown)
  & (Requires extends { readonly conntrack: object } ? { readonly conntrack: ConntrackClient }
    : Uses extends { readonly conntrack: object } ? { readonly conntrack?: ConntrackClient }
    : unknown)
  & (Requires extends { readonly sysctl: object } ? { readonly sysctl: SysctlClient }
    : Uses extends { readonly sysctl: object } ? { readonly sysctl?: SysctlClient }
    : unknown);

/** The fields of a manifest that an author writes; the kind comes from the function called. */
export interface DefinitionHead<Requires, Uses> {
  /** 1–63 of a–z, 0–9 and -, starting with a letter. */
  readonly name: string;
  /** Semantic version. */
  readonly version: string;
  /** The plugin API this was written for. */
  readonly api: 1;
  /** Capabilities the plugin cannot work without: it is refused if one is not granted. */
  readonly requires?: Requires;
  /** Capabilities it uses if they are granted. */
  readonly uses?: Uses;
}

/** A proxier: makes the kernel do what the service ports say. */
export interface ProxierDefinition<Requires, Uses> extends DefinitionHead<Requires, Uses> {
  /**
   * Replaces everything by this snapshot, whatever was there before: the plugin has just started,
   * or the last apply failed, or a setting changed.
   */
  resync(snapshot: Snapshot, caps: Capabilities<Requires, Uses>): void | Promise<void>;
  /** Goes from revision `diff.from` to `diff.to`. If it throws, a resync follows. */
  apply(diff: Diff, caps: Capabilities<Requires, Uses>): void | Promise<void>;
  /** Says, in order, what matches a packet to this destination; empty when nothing does. */
  explain(query: ExplainQuery): readonly ExplainStep[] | Promise<readonly ExplainStep[]>;
  /**
   * Says what the kernel has counted of service ports, while `ProxierSettings.countTraffic` is set.
   * Without this handler, or when it returns undefined, weir has no metrics of single Services.
   */
  traffic?(
    query: TrafficQuery,
    caps: Capabilities<Requires, Uses>,
  ):
    | readonly ServicePortTraffic[]
    | undefined
    | Promise<readonly ServicePortTraffic[] | undefined>;
  /** Removes everything the plugin ever put into the kernel. */
  cleanup(caps: Capabilities<Requires, Uses>): void | Promise<void>;
}

/** A local-detector: says how to tell this node's pod traffic from other traffic. */
export interface LocalDetectorDefinition extends DefinitionHead<undefined, undefined> {
  /** Returns the matches; a packet is local when any of them matches it. */
  detect(
    node: DetectorNode,
    config: DetectorConfig,
  ): readonly LocalMatch[] | Promise<readonly LocalMatch[]>;
}

/** A conntrack-tuner: sets the node's connection tracking as the operator configured. */
export interface ConntrackTunerDefinition<Requires, Uses> extends DefinitionHead<Requires, Uses> {
  /** Applies the configuration. */
  tune(
    node: TunerNode,
    config: TunerConfig,
    caps: Capabilities<Requires, Uses>,
  ): void | Promise<void>;
}

/** What a plugin's default export is. */
export interface Plugin<Definition = unknown> {
  /** What the plugin asks for, as the host's handshake reads it. */
  readonly manifest: PluginManifest;
  /** What the author wrote: tests may call its handlers with fakes. */
  readonly definition: Definition;
  /** Runs the plugin at the sandbox's end of the wire; the bootstrap calls it. */
  readonly "~serve": (pipe: Pipe) => Promise<void>;
}

/** Handlers that a plugin may do without. */
const OPTIONAL: ReadonlySet<string> = new Set(["traffic"]);

function plugin<
  Definition extends {
    readonly name: string;
    readonly version: string;
    readonly api: 1;
    readonly requires?: CapabilityRequests | undefined;
    readonly uses?: CapabilityRequests | undefined;
  },
>(
  kind: PluginManifest["kind"],
  definition: Definition,
  handlers: Parameters<typeof serve>[1],
): Plugin<Definition> {
  for (const name of Object.keys(handlers)) {
    const is = typeof Reflect.get(definition, name);
    if (is === "function" || (is === "undefined" && OPTIONAL.has(name))) continue;
    // Whoever writes JavaScript has no compiler to say so, and a sync would fail again and again.
    const state = is === "undefined" ? `its ${name} is missing` : `its ${name} is no function`;
    throw new WeirError("WEIR_PLUGIN_LOAD", `Cannot define ${kind} "${definition.name}": ${state}`);
  }
  const manifest: PluginManifest = {
    kind,
    name: definition.name,
    version: definition.version,
    api: definition.api,
    requires: definition.requires ?? {},
    uses: definition.uses ?? {},
  };
  return { manifest, definition, "~serve": (pipe) => serve(manifest, handlers, pipe) };
}

/**
 * Defines a proxier.
 *
 * @param definition Its manifest and handlers.
 * @returns What the plugin's file must export by default.
 * @throws {WeirError} WEIR_PLUGIN_LOAD when a handler is missing, or no function.
 *
 * @example The smallest proxier: it only says what it was told
 * ```ts
 * import { defineProxier } from "weir";
 *
 * export default defineProxier({
 *   name: "listener", version: "0.1.0", api: 1,
 *   resync: (snapshot, { log }) => log.info("resync", { ports: snapshot.ports.length }),
 *   apply: (diff, { log }) => log.info("apply", { to: diff.to }),
 *   explain: () => [],
 *   cleanup: () => {},
 * });
 * ```
 */
export function defineProxier<
  const Requires extends CapabilityRequests | undefined = undefined,
  const Uses extends CapabilityRequests | undefined = undefined,
>(
  definition: ProxierDefinition<Requires, Uses>,
): Plugin<ProxierDefinition<Requires, Uses>> {
  return plugin("proxier", definition, {
    resync: (params, caps) => definition.resync(params, caps as Capabilities<Requires, Uses>),
    apply: (params, caps) => definition.apply(params, caps as Capabilities<Requires, Uses>),
    explain: (params) => definition.explain(params),
    traffic: async (params, caps) => {
      const counts = await definition.traffic?.(params, caps as Capabilities<Requires, Uses>);
      return counts?.flatMap(({ connections, packets, bytes }) => [connections, packets, bytes]) ??
        null;
    },
    cleanup: (_, caps) => definition.cleanup(caps as Capabilities<Requires, Uses>),
  });
}

/**
 * Defines a local-detector.
 *
 * @param definition Its manifest and handler.
 * @returns What the plugin's file must export by default.
 * @throws {WeirError} WEIR_PLUGIN_LOAD when a handler is missing, or no function.
 *
 * @example Traffic from one interface is local
 * ```ts
 * import { defineLocalDetector } from "weir";
 *
 * export default defineLocalDetector({
 *   name: "detect-cni0", version: "0.1.0", api: 1,
 *   detect: () => [{ type: "interface", name: "cni0" }],
 * });
 * ```
 */
export function defineLocalDetector(
  definition: LocalDetectorDefinition,
): Plugin<LocalDetectorDefinition> {
  return plugin("local-detector", definition, {
    detect: ({ node, config }) => definition.detect(node, config),
  });
}

/**
 * Defines a conntrack-tuner.
 *
 * @param definition Its manifest and handler.
 * @returns What the plugin's file must export by default.
 * @throws {WeirError} WEIR_PLUGIN_LOAD when a handler is missing, or no function.
 *
 * @example It only says what it would do
 * ```ts
 * import { defineConntrackTuner } from "weir";
 *
 * export default defineConntrackTuner({
 *   name: "talker", version: "0.1.0", api: 1,
 *   tune: (node, config, { log }) =>
 *     log.info("tune", { entries: node.cpus * (config.maxPerCore ?? 0) }),
 * });
 * ```
 */
export function defineConntrackTuner<
  const Requires extends CapabilityRequests | undefined = undefined,
  const Uses extends CapabilityRequests | undefined = undefined,
>(
  definition: ConntrackTunerDefinition<Requires, Uses>,
): Plugin<ConntrackTunerDefinition<Requires, Uses>> {
  return plugin("conntrack-tuner", definition, {
    tune: ({ node, config }, caps) =>
      definition.tune(node, config, caps as Capabilities<Requires, Uses>),
  });
}
