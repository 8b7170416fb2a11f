/**
 * A real sandbox with a hostile plugin in it, under the supervision the product gives it.
 *
 * @module
 */
import { bindGrants, decideGrants, DEFAULT_POLICIES } from "../../host/broker.ts";
import type { CapabilityAnswer } from "../../host/capabilities/capability.ts";
import { loadPlugin, type PluginCode } from "../../host/sandbox/code.ts";
import { conntrackCapability } from "../../host/capabilities/conntrack/conntrack.ts";
import { sysctlCapability } from "../../host/capabilities/sysctl/sysctl.ts";
import { systemClock } from "../../host/clock.ts";
import type { SandboxEvent } from "../../host/sandbox/event.ts";
import { type Jail, probeJail } from "../../host/sandbox/jail.ts";
import { Origins } from "../../host/sandbox/origins.ts";
import { sandboxCommand, startSandbox } from "../../host/sandbox/process.ts";
import { type SupervisedPlugin, supervisePlugin } from "../../host/sandbox/supervisor.ts";
import { LIMITS, type Limits } from "../../schemas/wire.ts";
import { type FakeSysctls, fakeSysctls, type RecordedLine, recordingLog } from "../kit/mod.ts";

const home = new URL("../../", import.meta.url);
const deno = Deno.execPath();

/** How a hostile plugin is run. */
export interface HostileOptions {
  /** The attack: the plugin reads it as the node's kernel release. */
  readonly attack: string;
  /** Limits that differ from the product's, to make a test short. */
  readonly limits?: Partial<Limits>;
  /** Starts it as with --profiling. */
  readonly inspectable?: boolean;
  /** Answers an invocation of nft; it succeeds if left out. */
  readonly nft?: () => Promise<CapabilityAnswer>;
  /** The node's settings; none if left out. */
  readonly sysctl?: FakeSysctls;
}

/** A hostile plugin under supervision. */
export interface Hostile extends AsyncDisposable {
  readonly plugin: SupervisedPlugin;
  readonly lines: readonly RecordedLine[];
  readonly events: readonly SandboxEvent[];
  /**
   * Waits for a condition, which is looked at after every event.
   *
   * @param condition What to wait for.
   * @returns Settles when it is true.
   */
  readonly until: (condition: () => boolean) => Promise<void>;
  /**
   * Waits for the first death.
   *
   * @returns Its code and reason in one line.
   */
  readonly death: () => Promise<string>;
  /** Settles when the plugin has become ready for the first time. */
  readonly ready: Promise<void>;
}

/**
 * Bundles a plugin of this folder.
 *
 * @param name Its file below plugins/.
 * @returns Its code.
 */
export async function hostileCode(name: string): Promise<PluginCode> {
  const cache = await Deno.makeTempDir({ prefix: "weir-hostile-" });
  // The source map is read when it is asked for.
  addEventListener("unload", () => Deno.removeSync(cache, { recursive: true }));
  return await loadPlugin(name, {
    deno,
    home,
    cache: new URL(`file://${cache}/`),
    base: new URL("./plugins/", import.meta.url),
    fetch,
  });
}

/**
 * A plugin's text as it is, not bundled.
 *
 * @param text An ES module.
 * @returns Its code.
 */
export function rawCode(text: string): PluginCode {
  return {
    reference: "raw",
    text: new TextEncoder().encode(text),
    sha256: "",
    ready: undefined,
    map: undefined,
  };
}

let jail: Promise<Jail> | undefined;

/**
 * The jail this machine allows, probed once.
 *
 * @returns The jail.
 */
export function machineJail(): Promise<Jail> {
  return jail ??= probeJail(sandboxCommand(deno), LIMITS.memoryBytes);
}

/**
 * Runs a hostile plugin in a real sandbox.
 *
 * @param code Its code.
 * @param options How.
 * @returns The plugin, to be disposed of with `await using`.
 */
export async function runHostile(code: PluginCode, options: HostileOptions): Promise<Hostile> {
  const { log, lines } = recordingLog();
  const events: SandboxEvent[] = [];
  const watchers = new Set<() => void>();
  const limits = { ...LIMITS, ...options.limits };
  const inspectable = options.inspectable ?? false;
  const allowed = await machineJail();
  const ready = Promise.withResolvers<void>();
  const origins = new Origins("hostile", code, home);
  const plugin = supervisePlugin({
    reference: code.reference,
    version: "0.1.0",
    mode: "warm",
    node: { os: "linux", kernel: options.attack },
    grant: async (manifest) => {
      const grants = decideGrants(manifest, DEFAULT_POLICIES[manifest.kind]);
      const invoke = options.nft ?? (() => Promise.resolve({ value: {} }));
      const capabilities = await bindGrants(grants, {
        nft: () => ({ invoke, close() {} }),
        conntrack: () => conntrackCapability({ request: () => {} }),
        sysctl: (grant) => sysctlCapability(grant, (options.sysctl ?? fakeSysctls({})).files),
      });
      return { grants, capabilities };
    },
    limits,
    clock: systemClock,
    log,
    observe: (event) => {
      events.push(event);
      for (const look of watchers) look();
    },
    inspectable,
    named: (told) => origins.name(told),
    start: () =>
      startSandbox(code.text, { deno, jail: allowed, limits, clock: systemClock, inspectable }),
    // The middle of the jitter.
    random: () => 0.5,
    onReady: () => ready.resolve(),
  });
  const until = (condition: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!condition()) return;
        watchers.delete(look);
        resolve();
      };
      watchers.add(look);
      look();
    });
  const firstDeath = () => events.find((event) => event.type === "death");
  return {
    plugin,
    lines,
    events,
    until,
    ready: ready.promise,
    death: async () => {
      await until(() => firstDeath() !== undefined);
      const death = firstDeath();
      return `${death?.code}: ${death?.reason}`;
    },
    [Symbol.asyncDispose]: () => plugin.stop(),
  };
}
