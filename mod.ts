/**
 * The door for plugin authors: the definitions, the capabilities and the words they share with
 * the host. Run as the main module it starts the command line.
 *
 * @module
 */
export * from "./schemas/errors.ts";
export * from "./schemas/ip.ts";
export type * from "./schemas/kube.ts";
export type * from "./schemas/view.ts";
export type {
  CapabilityRequests,
  Grants,
  NodeFeatures,
  PluginManifest,
} from "./schemas/manifest.ts";
export type {
  DetectorConfig,
  DetectorNode,
  ExplainQuery,
  ExplainStep,
  ServicePortTraffic,
  TrafficQuery,
  TunerConfig,
  TunerNode,
} from "./schemas/calls.ts";
export type { SysctlChange, SysctlFailure, SysctlKey } from "./schemas/sysctl.ts";
export type { Invoke, Log, NftFailure, NftFamily, NftList } from "./schemas/capability.ts";
export * from "./plugins/sdk/mod.ts";
export * from "./plugins/sdk/nft/mod.ts";

if (import.meta.main) {
  // Not a literal import: a plugin's bundle must not follow it and carry the host along.
  await import(new URL("./host/main.ts", import.meta.url).href);
}
