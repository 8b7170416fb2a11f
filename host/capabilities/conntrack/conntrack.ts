/**
 * The capability `conntrack`: a plugin says whose rules it has changed, and the host decides which
 * tracked flows that has made stale. A plugin names no flow and sees none.
 *
 * @module
 */
import * as v from "valibot";
import { ConntrackReconcileSchema } from "../../../schemas/capability.ts";
import { WeirError } from "../../../schemas/errors.ts";
import type { GrantedCapability } from "../capability.ts";

/** What the capability stands on. */
export interface ConntrackCapabilityOptions {
  /**
   * Asks for a reconciliation, and returns at once.
   *
   * @param ids Of service ports, whether they exist or not.
   */
  readonly request: (ids: "all" | readonly string[]) => void;
}

function exceeded(method: string, state: string): WeirError {
  return new WeirError("WEIR_GRANT_EXCEEDED", `Cannot call method "conntrack.${method}": ${state}`);
}

/**
 * Binds reconciliations to one plugin's grant.
 *
 * @param options Whom to ask for them.
 * @returns The capability with the method `reconcile` of schemas/capability.ts.
 */
export function conntrackCapability(options: ConntrackCapabilityOptions): GrantedCapability {
  let state: "open" | "closed" = "open";
  return {
    // Async: whatever is thrown rejects.
    // deno-lint-ignore require-await
    async invoke(method, params, attachment) {
      if (state === "closed") throw exceeded(method, "the plugin's grant was withdrawn");
      if (method !== "reconcile") throw exceeded(method, "there is reconcile");
      if (attachment.length > 0) throw exceeded(method, `${attachment.length} bytes are attached`);
      const result = v.safeParse(ConntrackReconcileSchema, params, { abortEarly: true });
      if (!result.success) {
        const [issue] = result.issues;
        throw exceeded(method, `${v.getDotPath(issue) ?? "its parameters"}: ${issue.message}`);
      }
      options.request(result.output.ids);
      return { value: {} };
    },
    close() {
      state = "closed";
    },
  };
}
