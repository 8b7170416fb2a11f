/**
 * The `sysctl` object that a plugin's handlers are given.
 *
 * @module
 */
import type { Invoke } from "../../schemas/capability.ts";
import { WeirError } from "../../schemas/errors.ts";
import type { Grants } from "../../schemas/manifest.ts";
import type { SysctlChange, SysctlFailure, SysctlKey } from "../../schemas/sysctl.ts";

/** The capability sysctl: reads and writes the granted settings of the node's kernel. */
export interface SysctlClient {
  /** The settings that were granted: what is only used may be fewer than was asked for. */
  readonly keys: readonly SysctlKey[];
  /**
   * Reads a setting.
   *
   * @param key One of the granted; the plugin is ended for any other.
   * @returns Its value.
   * @throws {WeirError} WEIR_SYSCTL when the kernel does not have it or hides it.
   */
  get(key: SysctlKey): Promise<number>;
  /**
   * Writes a setting, if it has another value; where it is a limit, if it has a lower one.
   *
   * @param key One of the granted; the plugin is ended for any other.
   * @param value An integer within the setting's range; the plugin is ended for any other.
   * @returns The value before, and the value now.
   * @throws {WeirError} WEIR_SYSCTL when the kernel refuses: nothing has changed then, and
   * {@linkcode sysctlFailureOf} says why.
   */
  set(key: SysctlKey, value: number): Promise<SysctlChange>;
}

/**
 * Makes the client.
 *
 * @param grant What was granted.
 * @param invoke Reaches the host's capability.
 * @returns The client.
 *
 * @example
 * ```ts
 * import { sysctlClient } from "weir";
 * import assert from "node:assert/strict";
 *
 * const grant = { version: 1, keys: ["net.ipv4.ip_forward"] } as const;
 * const sysctl = sysctlClient(grant, async (_capability, _method, params) => {
 *   assert.deepEqual(params, { key: "net.ipv4.ip_forward", value: 1 });
 *   return { value: { before: 0, after: 1 }, attachment: new Uint8Array() };
 * });
 * assert.deepEqual(await sysctl.set("net.ipv4.ip_forward", 1), { before: 0, after: 1 });
 * ```
 */
export function sysctlClient(
  grant: NonNullable<Grants["sysctl"]>,
  invoke: Invoke,
): SysctlClient {
  return {
    keys: grant.keys,
    async get(key) {
      const { value } = await invoke("sysctl", "get", { key });
      // The host is trusted.
      return (value as { readonly value: number }).value;
    },
    async set(key, value) {
      return (await invoke("sysctl", "set", { key, value })).value as SysctlChange;
    },
  };
}

/**
 * Finds in an error why the kernel refused.
 *
 * @param thrown What the client threw.
 * @returns The failure, or undefined when the error is of another kind.
 *
 * @example
 * ```ts
 * import { sysctlFailureOf, WeirError } from "weir";
 * import assert from "node:assert/strict";
 *
 * const reason = "/proc/sys is read-only in this container";
 * const error = new WeirError("WEIR_SYSCTL", `Cannot set sysctl "net.ipv4.ip_forward": ${reason}`, {
 *   cause: { key: "net.ipv4.ip_forward", errno: 30, name: "EROFS", reason },
 * });
 * assert.equal(sysctlFailureOf(error)?.name, "EROFS");
 * ```
 */
export function sysctlFailureOf(thrown: unknown): SysctlFailure | undefined {
  return thrown instanceof WeirError && thrown.code === "WEIR_SYSCTL"
    ? thrown.cause as SysctlFailure | undefined
    : undefined;
}
