/**
 * What the sandbox tells telemetry, in one union: metrics, traces and logs are made of it
 * elsewhere.
 *
 * @module
 */
import type { CallMethod } from "../../schemas/calls.ts";
import type { ErrorCode } from "../../schemas/errors.ts";

/** How something ended: well, or with a code. */
export type Outcome = "ok" | ErrorCode;

/** Something that happened to a plugin. Times are milliseconds of the clock passed in. */
export type SandboxEvent =
  | { readonly type: "state"; readonly state: PluginStateName }
  | {
    readonly type: "frame";
    readonly direction: "sent" | "received";
    readonly bytes: number;
  }
  | {
    readonly type: "call";
    readonly method: CallMethod;
    readonly startedAt: number;
    readonly endedAt: number;
    readonly outcome: Outcome;
    readonly traceparent: string | undefined;
  }
  | {
    readonly type: "invoke";
    readonly capability: string;
    readonly method: string;
    readonly bytes: number;
    readonly startedAt: number;
    readonly endedAt: number;
    readonly outcome: Outcome;
    /** Of the call during which the plugin invoked. */
    readonly traceparent: string | undefined;
  }
  | {
    readonly type: "metric";
    readonly kind: "counter" | "gauge";
    readonly name: string;
    readonly value: number;
    readonly labels: Readonly<Record<string, string>>;
  }
  | { readonly type: "death"; readonly code: ErrorCode; readonly reason: string };

/**
 * The states of a supervised plugin: not needed now (`idle`), being started, ready for calls,
 * dead and waiting for its next start, given up, stopped for good.
 */
export type PluginStateName = "idle" | "starting" | "ready" | "waiting" | "parked" | "stopped";

/** Receives events; must not throw. */
export type Observe = (event: SandboxEvent) => void;
