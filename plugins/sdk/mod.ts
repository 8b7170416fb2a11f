/**
 * What every plugin stands on, handed out by the project's mod.ts.
 *
 * @module
 */
export { defineConntrackTuner, defineLocalDetector, defineProxier } from "./definition.ts";
export type {
  BasicCapabilities,
  Capabilities,
  ConntrackTunerDefinition,
  DefinitionHead,
  LocalDetectorDefinition,
  Plugin,
  ProxierDefinition,
} from "./definition.ts";
export { conntrackClient } from "./conntrack.ts";
export type { ConntrackClient } from "./conntrack.ts";
export { sysctlClient, sysctlFailureOf } from "./sysctl.ts";
export type { SysctlClient } from "./sysctl.ts";
export type { Metric } from "./metric.ts";
export type { PluginSpan, SpanDetails, Trace } from "./trace.ts";
export type { Pipe } from "./serve.ts";
export type { Fill } from "../../schemas/frame.ts";
