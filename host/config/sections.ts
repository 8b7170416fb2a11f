/**
 * Which of the sections that a document has for modes is in force.
 *
 * @module
 */
import * as v from "valibot";
import type { ProxierConfig } from "../../schemas/config.ts";
import { milliseconds } from "../../schemas/config/duration.ts";
import { type KubeProxyDocument, KubeProxySchema } from "../../schemas/config/kube_proxy.ts";
import type { RequestedMode } from "../../schemas/proxy_mode.ts";

/** The name of a section. */
export type SectionName = "nftables" | "ipvs" | "iptables";

/** Where each field is read from. */
type Sources = Readonly<
  & Record<"syncPeriod" | "minSyncPeriod", SectionName>
  & Record<"masqueradeAll" | "masqueradeBit", Exclude<SectionName, "ipvs">>
>;

type TimedSection = Pick<KubeProxyDocument["nftables"], keyof Sources>;

/** A pause of 0 is unset, too. */
function meant<Value>(value: Value): Value | undefined {
  return value === 0n ? undefined : value;
}

const BLANK: TimedSection = v.parse(KubeProxySchema, {}).nftables;

/**
 * Names the section of a mode.
 *
 * @param mode The mode.
 * @returns Its section; that of nftables for a plugin.
 */
export function activeSection(mode: RequestedMode): SectionName {
  if (mode.type !== "absent") return "nftables";
  return mode.name === "ipvs" ? "ipvs" : "iptables";
}

/**
 * Says which section each field in force comes from. As in upstream's conversion, ipvs has periods
 * of its own and the rest of iptables. An empty mode is iptables for kube-proxy and nftables for
 * weir: what was written for the one counts as long as the other's section says nothing else.
 *
 * @param document The document.
 * @param active The section of its mode.
 * @returns The section of each field.
 */
export function sectionSources(
  { mode, nftables, iptables }: KubeProxyDocument,
  active: SectionName,
): Sources {
  if (active !== "nftables") {
    return {
      masqueradeAll: "iptables",
      masqueradeBit: "iptables",
      syncPeriod: active,
      minSyncPeriod: active,
    };
  }
  const source = (field: keyof Sources) => {
    const says = (section: TimedSection) => meant(section[field]) !== meant(BLANK[field]);
    return mode === "" && says(iptables) && !says(nftables) ? "iptables" : "nftables";
  };
  return {
    masqueradeAll: source("masqueradeAll"),
    masqueradeBit: source("masqueradeBit"),
    syncPeriod: source("syncPeriod"),
    minSyncPeriod: source("minSyncPeriod"),
  };
}

/**
 * Puts together what is in force.
 *
 * @param document The document.
 * @param sources Of {@linkcode sectionSources}.
 * @returns Periods in milliseconds; an unset pause is 0 and adapts, and so does a 0, which upstream
 * replaces by its default.
 */
export function sectionInForce(document: KubeProxyDocument, sources: Sources): ProxierConfig {
  return {
    masqueradeAll: document[sources.masqueradeAll].masqueradeAll,
    masqueradeBit: document[sources.masqueradeBit].masqueradeBit,
    syncPeriod: milliseconds(document[sources.syncPeriod].syncPeriod),
    minSyncPeriod: milliseconds(document[sources.minSyncPeriod].minSyncPeriod ?? 0n),
  };
}
