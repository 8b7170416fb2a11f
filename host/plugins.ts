/**
 * Brings plugins to life: names them, loads their text, and has each supervised in its sandbox
 * with the grants of its kind.
 *
 * @module
 */
import type { DetectLocalMode, PluginPolicyConfig, WeirConfig } from "../schemas/config.ts";
import { WeirError } from "../schemas/errors.ts";
import type { NodeFeatures, PluginManifest } from "../schemas/manifest.ts";
import type { Limits } from "../schemas/wire.ts";
import { bindGrants, type CapabilityFactories, decideGrants, DEFAULT_POLICIES } from "./broker.ts";
import type { TableOwner } from "./capabilities/nft/mark.ts";
import type { Clock } from "./clock.ts";
import type { PluginRoster } from "./plugin_roster.ts";
import type { Profiling } from "./profiles/profiling.ts";
import { loadPlugin } from "./sandbox/code.ts";
import type { Observe, PluginStateName } from "./sandbox/event.ts";
import { type Jail, keepsCapabilities, probeJail } from "./sandbox/jail.ts";
import { Origins } from "./sandbox/origins.ts";
import { sandboxCommand, startSandbox } from "./sandbox/process.ts";
import { type SupervisedPlugin, supervisePlugin } from "./sandbox/supervisor.ts";
import type { Logger } from "./telemetry/log.ts";

/** The folder of each local-detector that comes with weir. */
const DETECTORS: Readonly<Record<DetectLocalMode, string>> = {
  ClusterCIDR: "detect-cluster-cidr",
  NodeCIDR: "detect-node-cidr",
  BridgeInterface: "detect-bridge-interface",
  InterfaceNamePrefix: "detect-interface-name-prefix",
};

/** Where a plugin's code is, and what it is called in logs and metrics. */
export interface PluginSource {
  readonly name: string;
  /** See host/sandbox/reference.ts. */
  readonly reference: string;
  /** What it may do, when not what its kind may do. */
  readonly policy: PluginPolicyConfig | undefined;
}

/** A plugin of weir's own, unless the configuration has other code for it. */
function builtIn(folder: string, { plugins }: Pick<WeirConfig, "plugins">, home: URL) {
  const own = new URL(`plugins/${folder}/plugin.ts`, home).href;
  const { reference = "", sha256 = "", policy } = plugins[folder] ?? {};
  const pinned = sha256 === "" ? own : `${own}#sha256=${sha256}`;
  return { name: folder, reference: reference || pinned, policy } satisfies PluginSource;
}

/**
 * Names the proxier that serves.
 *
 * @param config The mode, and what is said of plugins.
 * @param home weir's own folder; ends in `/`.
 * @returns The proxier's source.
 */
export function proxierOf(
  config: Pick<WeirConfig, "mode" | "plugins">,
  home: URL,
): PluginSource {
  const { mode, plugins } = config;
  if (mode.type === "builtin") return builtIn(`proxier-${mode.name}`, config, home);
  const { name, reference } = mode;
  return { name, reference, policy: plugins[name]?.policy };
}

/**
 * Names the local-detector.
 *
 * @param config The mode, and what is said of plugins.
 * @param home weir's own folder; ends in `/`.
 * @returns The detector's source.
 */
export function detectorOf(
  config: Pick<WeirConfig, "detectLocalMode" | "plugins">,
  home: URL,
): PluginSource {
  return builtIn(DETECTORS[config.detectLocalMode], config, home);
}

/**
 * Names the conntrack-tuner.
 *
 * @param config What is said of plugins.
 * @param home weir's own folder; ends in `/`.
 * @returns The tuner's source.
 */
export function tunerOf(config: Pick<WeirConfig, "plugins">, home: URL): PluginSource {
  return builtIn("conntrack-tuner", config, home);
}

/** What all plugins of a host stand on. */
export interface PluginGround {
  /** The path of the Deno program. */
  readonly deno: string;
  /** weir's own folder; ends in `/`. */
  readonly home: URL;
  /** Where bundles are kept; ends in `/`. */
  readonly cache: URL;
  /** What relative paths of plugins are relative to; ends in `/`. */
  readonly base: URL;
  readonly version: string;
  readonly node: NodeFeatures;
  readonly limits: Limits;
  /** Makes what this plugin is granted. */
  readonly capabilities: (owner: TableOwner) => CapabilityFactories;
  readonly clock: Clock;
  /** A number from 0 up to 1, for jitter. */
  readonly random: () => number;
  readonly log: Logger;
  /** Profiles plugins; undefined without --profiling. */
  readonly profiling: Profiling | undefined;
  /** Is told of every plugin, for who looks; absent where nobody can. */
  readonly roster?: PluginRoster;
}

/** What is particular to one plugin. */
export interface PluginRole {
  readonly kind: PluginManifest["kind"];
  /** `warm` is always running, `on-demand` only during calls. */
  readonly mode: "warm" | "on-demand";
  /** The plugin has started and knows nothing. */
  readonly onReady?: () => void;
  readonly observe: Observe;
}

/**
 * Finds out once how the node can jail sandboxes, and logs what it cannot.
 *
 * @param ground What all plugins stand on.
 * @returns The jail for {@linkcode startPlugin}.
 */
export async function prepareJail(ground: PluginGround): Promise<Jail> {
  const { deno, limits, profiling } = ground;
  const command = sandboxCommand(deno, limits.heapMib, profiling !== undefined);
  const jail = await probeJail(command, limits.memoryBytes);
  for (const reason of jail.missing) {
    ground.log.v(1, "A layer of the jail around plugins is not possible on this node", { reason });
  }
  if (keepsCapabilities(jail)) {
    ground.log.warn(
      "Only Deno stands between plugins and what weir itself may do: run weir with CAP_SYS_ADMIN, " +
        "CAP_SETUID, CAP_SETGID and CAP_SETPCAP, or let it make user namespaces",
      { missing: jail.missing },
    );
  }
  return jail;
}

/**
 * Loads a plugin and keeps it running.
 *
 * @param source Its name and code.
 * @param role What it is for.
 * @param ground What all plugins stand on.
 * @param jail From {@linkcode prepareJail}.
 * @returns The supervised plugin.
 * @throws {WeirError} WEIR_PLUGIN_LOAD when its code cannot be had.
 */
export async function startPlugin(
  source: PluginSource,
  role: PluginRole,
  ground: PluginGround,
  jail: Promise<Jail>,
): Promise<SupervisedPlugin> {
  const { deno, home, cache, base, limits, clock, profiling } = ground;
  const fetching = (packages: readonly string[]) =>
    ground.log.info("Fetching packages from npm that Deno has not cached, for 30 s at most", {
      plugin: source.name,
      packages: packages.join(", "),
    });
  const [code, bars] = await Promise.all([
    loadPlugin(source.reference, { deno, home, cache, base, fetch, fetching }),
    jail,
  ]);
  const log = ground.log.with({ plugin: source.name });
  log.v(1, "Loaded plugin", { sha256: code.sha256, bytes: code.text.length });
  const inspectable = profiling !== undefined;
  const sandbox = { deno, jail: bars, limits, clock, inspectable };
  const origins = new Origins(source.name, code, home);
  let inState = (_: PluginStateName) => {};
  let admit: ReturnType<PluginRoster["enrol"]> = () => {};
  const plugin = supervisePlugin({
    reference: source.name,
    version: ground.version,
    node: ground.node,
    grant: async (manifest) => {
      if (manifest.kind !== role.kind) {
        throw new WeirError(
          "WEIR_PLUGIN_REFUSED",
          `Cannot start plugin "${source.name}": it is a ${manifest.kind}, a ${role.kind} is needed`,
        );
      }
      const grants = decideGrants(manifest, source.policy ?? DEFAULT_POLICIES[manifest.kind]);
      const owner = { role: role.kind, plugin: source.name };
      try {
        const capabilities = await bindGrants(grants, ground.capabilities(owner));
        admit({ manifest, grants });
        return { grants, capabilities };
      } catch (cause) {
        if (!(cause instanceof WeirError) || cause.code !== "WEIR_TABLE_FOREIGN") throw cause;
        const state = `${cause.message}, then start weir again`;
        throw new WeirError(
          "WEIR_PLUGIN_REFUSED",
          `Cannot start plugin "${source.name}": ${state}`,
          { cause },
        );
      }
    },
    limits,
    clock,
    log,
    observe: (event) => {
      if (event.type === "state") inState(event.state);
      role.observe(event);
    },
    inspectable,
    named: (told) => origins.name(told),
    start: () => startSandbox(code.text, sandbox),
    mode: role.mode,
    random: ground.random,
    ...(role.onReady === undefined ? {} : { onReady: role.onReady }),
  });
  const { name } = source;
  const enrolment = { name, kind: role.kind, mode: role.mode, sha256: code.sha256 };
  if (ground.roster !== undefined) admit = ground.roster.enrol(enrolment, plugin);
  if (profiling !== undefined) inState = profiling.add(source.name, origins, plugin);
  return plugin;
}
