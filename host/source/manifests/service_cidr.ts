/**
 * A ServiceCIDR as a manifest has it, to the slim ServiceCIDR.
 *
 * @module
 */
import * as v from "valibot";
import { formatCidr, parseCidr } from "../../../schemas/ip.ts";
import type { ServiceCIDR } from "../../../schemas/kube.ts";
import { listOf, Network, StringMap, SubdomainName } from "./field.ts";

/** The fields read of a networking.k8s.io/v1 ServiceCIDR; others are ignored. */
export const ServiceCIDRManifestSchema = v.object({
  metadata: v.object({ name: SubdomainName, labels: StringMap }, "a mapping"),
  spec: v.nullish(v.object({ cidrs: listOf(Network) }, "a mapping")),
});

type ServiceCIDRManifest = v.InferOutput<typeof ServiceCIDRManifestSchema>;

/**
 * Makes the slim ServiceCIDR.
 *
 * @param manifest A faultless ServiceCIDR.
 * @returns It without a resourceVersion.
 */
export function slimServiceCIDR(
  manifest: ServiceCIDRManifest,
): Omit<ServiceCIDR, "resourceVersion"> {
  const cidrs = (manifest.spec?.cidrs ?? []).flatMap((text) => {
    const cidr = parseCidr(text);
    return cidr === undefined ? [] : [formatCidr(cidr)];
  });
  return { kind: "ServiceCIDR", name: manifest.metadata.name, cidrs };
}
