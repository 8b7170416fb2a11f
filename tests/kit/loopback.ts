/**
 * A plugin and the host's end of the wire in one process: the same frames, checks and limits as
 * in a sandbox, without the sandbox. For tests of plugins.
 *
 * @module
 */
import {
  bindGrants,
  decideGrants,
  DEFAULT_POLICIES,
  type PluginPolicy,
} from "../../host/broker.ts";
import type { CapabilityAnswer, GrantedCapability } from "../../host/capabilities/capability.ts";
import { conntrackCapability } from "../../host/capabilities/conntrack/conntrack.ts";
import type { SettingFiles } from "../../host/capabilities/sysctl/setting.ts";
import { sysctlCapability } from "../../host/capabilities/sysctl/sysctl.ts";
import { systemClock } from "../../host/clock.ts";
import { Connection } from "../../host/sandbox/connection.ts";
import type { SandboxEvent } from "../../host/sandbox/event.ts";
import type { Exit, Sandbox } from "../../host/sandbox/process.ts";
import type { CallMethod, CallParams, CallResult } from "../../schemas/calls.ts";
import type { Grants, NodeFeatures } from "../../schemas/manifest.ts";
import { LIMITS, type Limits } from "../../schemas/wire.ts";
import type { Plugin } from "../../plugins/sdk/mod.ts";
import { type RecordedLine, recordingLog } from "./recording_log.ts";
import { fakeSysctls } from "./sysctl_fake.ts";

/** What a plugin under test is given. All of it can be left out. */
export interface LoopbackOptions {
  /**
   * Answers `nft.commit` and `nft.list`, see schemas/capability.ts. Left out, commits succeed and
   * listings are empty.
   */
  readonly nft?: (
    method: string,
    params: unknown,
    attachment: Uint8Array,
  ) => CapabilityAnswer | Promise<CapabilityAnswer>;
  /** Told of what the plugin wishes to have reconciled; left out, its wishes are just granted. */
  readonly conntrack?: (ids: "all" | readonly string[]) => void;
  /** What stands in for /proc/sys; left out, no setting is there. */
  readonly sysctl?: SettingFiles;
  /** What the operator allows; what the plugin's kind may by default if left out. */
  readonly policy?: PluginPolicy;
  /** The node; Linux 6.18 if left out. */
  readonly node?: NodeFeatures;
  /** Limits that differ from the product's. */
  readonly limits?: Partial<Limits>;
}

/** A plugin that runs in the test's own process. */
export interface Loopback extends AsyncDisposable {
  /** What it was granted. */
  readonly grants: Grants;
  /**
   * Calls a handler, as the host does.
   *
   * @param method The call.
   * @param params Its parameters.
   * @returns The handler's result, after it has passed the wire.
   */
  readonly call: <Method extends CallMethod>(
    method: Method,
    params: CallParams[Method],
  ) => Promise<CallResult<Method>>;
  /** The lines it logged, oldest first. */
  readonly lines: readonly RecordedLine[];
  /** What telemetry would have been told, oldest first. */
  readonly events: readonly SandboxEvent[];
}

/** A pipe in memory: what is written can be read, in order, in pieces as large as asked for. */
class MemoryPipe {
  readonly #chunks: Uint8Array[] = [];
  #closed = false;
  #wake: () => void = () => {};

  write(bytes: Uint8Array): void {
    // The writer may use its buffer again.
    this.#chunks.push(bytes.slice());
    this.#wake();
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  async fill(into: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer> | null> {
    let chunk = this.#chunks[0];
    while (chunk === undefined) {
      if (this.#closed) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
      chunk = this.#chunks[0];
    }
    const part = chunk.subarray(0, into.length);
    into.set(part);
    if (part.length === chunk.length) this.#chunks.shift();
    else this.#chunks[0] = chunk.subarray(part.length);
    return into.subarray(0, part.length);
  }
}

/**
 * Runs a plugin's end of the wire in this process, as something a connection takes for a sandbox.
 *
 * @param serve The plugin's `~serve`.
 * @returns The sandbox; killing it only closes its pipes.
 */
function loopbackSandbox(serve: Plugin["~serve"]): Sandbox {
  const down = new MemoryPipe();
  const up = new MemoryPipe();
  const { promise: exited, resolve: exit } = Promise.withResolvers<Exit>();
  const end = (how: Exit) => {
    down.close();
    up.close();
    exit(how);
  };
  let complaint = "";
  serve({ fill: (into) => down.fill(into), write: (bytes) => up.write(bytes), collectSoon() {} })
    .then(() => end({ code: 0, signal: null }), (thrown) => {
      complaint = String(thrown);
      end({ code: 70, signal: null });
    });
  return {
    pid: 0,
    fill: (into) => up.fill(into),
    write: (bytes) => Promise.resolve(down.write(bytes)),
    end: () => down.close(),
    kill: () => end({ code: 137, signal: "SIGKILL" }),
    exited,
    stderr: () => complaint,
    flooded: new Promise(() => {}),
  };
}

/**
 * Connects a plugin to a host's end of the wire in the same process.
 *
 * @param plugin What its file exports by default.
 * @param options What it is given.
 * @returns The connected plugin, to be disposed of with `await using`.
 * @throws {WeirError} WEIR_PLUGIN_REFUSED when the policy does not allow what it requires.
 *
 * @example A detector is called as the host would
 * ```ts
 * import { defineLocalDetector } from "weir";
 * import { loopback } from "weir/testing";
 * import assert from "node:assert/strict";
 *
 * const plugin = defineLocalDetector({
 *   name: "detect-cni0", version: "0.1.0", api: 1,
 *   detect: () => [{ type: "interface", name: "cni0" }],
 * });
 * await using detector = await loopback(plugin);
 * const matches = await detector.call("detect", {
 *   node: { name: "n1", podCIDRs: [] },
 *   config: { clusterCIDRs: [], bridgeInterface: "", interfaceNamePrefix: "" },
 * });
 * assert.deepEqual(matches, [{ type: "interface", name: "cni0" }]);
 * ```
 */
export async function loopback(plugin: Plugin, options: LoopbackOptions = {}): Promise<Loopback> {
  const { log, lines } = recordingLog();
  const events: SandboxEvent[] = [];
  const nft: GrantedCapability = {
    invoke: async (method, params, attachment) =>
      await options.nft?.(method, params, attachment) ?? { value: {} },
    close() {},
  };
  const connection = await Connection.open(loopbackSandbox(plugin["~serve"]), {
    reference: plugin.manifest.name,
    version: "0.0.0",
    node: options.node ?? { os: "linux", kernel: "6.18.0" },
    grant: async (manifest) => {
      const grants = decideGrants(manifest, options.policy ?? DEFAULT_POLICIES[manifest.kind]);
      const conntrack = conntrackCapability({ request: (ids) => options.conntrack?.(ids) });
      const capabilities = await bindGrants(grants, {
        nft: () => nft,
        conntrack: () => conntrack,
        sysctl: (grant) => sysctlCapability(grant, options.sysctl ?? fakeSysctls({}).files),
      });
      return { grants, capabilities };
    },
    limits: { ...LIMITS, ...options.limits },
    clock: systemClock,
    log,
    observe: (event) => events.push(event),
  });
  return {
    grants: connection.grants,
    call: (method, params) => connection.call(method, params),
    lines,
    events,
    [Symbol.asyncDispose]: () => connection.stop(),
  };
}
