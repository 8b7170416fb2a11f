/**
 * The `conntrack` object that a plugin's handlers are given.
 *
 * @module
 */
import type { Invoke } from "../../schemas/capability.ts";
import { MOST_RECONCILED_IDS } from "../../schemas/conntrack.ts";

/** The capability conntrack: has stale flows of service ports removed. */
export interface ConntrackClient {
  /**
   * Says that the kernel has the new rules of these service ports. The host then removes the
   * tracked flows that lead to endpoints they do not have any more: in the background, so that a
   * sync does not wait for it. To be called after the commit, not before: until then the old rules
   * make new flows.
   *
   * @param ids Of the service ports that were added, changed or removed; `all` after a resync.
   * @returns When the host has taken notice.
   */
  reconcile(ids: "all" | readonly string[]): Promise<void>;
}

/**
 * Makes the client.
 *
 * @param invoke Reaches the host's capability.
 * @returns The client.
 *
 * @example
 * ```ts
 * import { conntrackClient } from "weir";
 * import assert from "node:assert/strict";
 *
 * const sent: unknown[] = [];
 * const conntrack = conntrackClient(async (_capability, _method, params) => {
 *   sent.push(params);
 *   return { value: {}, attachment: new Uint8Array() };
 * });
 * await conntrack.reconcile(["default/dns:dns/UDP/IPv4"]);
 * assert.deepEqual(sent, [{ ids: ["default/dns:dns/UDP/IPv4"] }]);
 * ```
 */
export function conntrackClient(invoke: Invoke): ConntrackClient {
  return {
    async reconcile(ids) {
      if (ids.length === 0) return;
      // To look for all of them costs the host little more than to look for so many.
      await invoke("conntrack", "reconcile", {
        ids: ids !== "all" && ids.length > MOST_RECONCILED_IDS ? "all" : ids,
      });
    },
  };
}
