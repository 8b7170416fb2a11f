/**
 * What every capability looks like to the broker: checked, measured, atomic.
 *
 * @module
 */

import type { TraceSpan } from "../telemetry/trace.ts";

/** The answer of a capability: JSON and, beside it, bulk bytes. */
export interface CapabilityAnswer {
  /** The result, as schemas/capability.ts describes it for the method. */
  readonly value: unknown;
  /** Absent when there are no bytes. */
  readonly attachment?: Uint8Array;
}

/** A capability bound to one plugin's grant: it cannot be asked for anything else. */
export interface GrantedCapability {
  /**
   * Executes one method.
   *
   * @param method For example `commit`.
   * @param params JSON from the plugin, not yet validated: the capability validates it.
   * @param attachment Bulk bytes from the plugin; valid only until the promise settles.
   * @param span Its steps become children of it; absent when nothing is traced.
   * @returns The answer for the plugin.
   * @throws {WeirError} WEIR_GRANT_EXCEEDED for anything outside the grant or malformed (the
   * plugin is then killed), or the capability's own code, whose `cause` is sent along as data.
   */
  invoke(
    method: string,
    params: unknown,
    attachment: Uint8Array,
    span?: TraceSpan,
  ): Promise<CapabilityAnswer>;
  /** Releases sockets; later invocations are refused. */
  close(): void;
}
