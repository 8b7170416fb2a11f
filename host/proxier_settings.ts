/**
 * What a proxier must know besides service ports, gathered of whoever decides it.
 *
 * @module
 */
import type { WeirConfig } from "../schemas/config.ts";
import type { ProxierSettings } from "../schemas/view.ts";

/** What is known of the node and of the cluster. */
export type SettingsFacts = Pick<
  ProxierSettings,
  "families" | "localMatches" | "nodePorts" | "serviceCIDRs"
>;

/**
 * Gathers.
 *
 * @param config The configuration.
 * @param facts What is known besides.
 * @returns The settings.
 */
export function proxierSettings(
  { proxier, telemetry }: Pick<WeirConfig, "proxier" | "telemetry">,
  { families, localMatches, nodePorts, serviceCIDRs }: SettingsFacts,
): ProxierSettings {
  return {
    families,
    masqueradeAll: proxier.masqueradeAll,
    masqueradeBit: proxier.masqueradeBit,
    localMatches,
    nodePorts,
    serviceCIDRs,
    ...(telemetry.perServiceMetrics === 0 ? {} : { countTraffic: true }),
  };
}
