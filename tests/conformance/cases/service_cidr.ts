/**
 * The ranges of cluster IPs.
 *
 * @module
 */
import { dropped, reaches, rejected, untouched } from "../case.ts";
import type { CaseTemplate } from "../template.ts";

const DROP =
  "Connections to an address of a ServiceCIDR that no Service has are dropped (KEP-3866).";
const UNUSED = "An unused port of a cluster IP is refused (KEP-3866, cluster-ips-check).";

/** The cases. */
export const SERVICE_CIDR: readonly CaseTemplate[] = [
  {
    name: "Addresses of the ServiceCIDR that no Service has are dropped",
    build(place) {
      const free = place.to(place.clusterIP(1));
      const taken = place.to(place.clusterIP());
      return {
        settings: { serviceCIDRs: [place.serviceCIDR, place.other.serviceCIDR] },
        steps: [{
          objects: place.with(place.service(), ["backend-0"]),
          flows: [
            { from: "client", to: free, expect: dropped, rule: DROP },
            { from: "node", to: free, expect: dropped, rule: DROP },
            { from: "outside", to: free, expect: dropped, rule: DROP },
            {
              ...{ from: "client", to: place.to(place.clusterIP(1), 80, "UDP") },
              ...{ expect: dropped, rule: DROP },
            },
            { from: "client", to: taken, expect: reaches(["backend-0"], "client"), rule: DROP },
            {
              ...{ from: "client", to: place.to(place.clusterIP(), 81) },
              ...{ expect: rejected, rule: UNUSED },
            },
            { from: "client", to: place.to(place.externalIP()), expect: untouched, rule: DROP },
          ],
        }, {
          when: "the Service has no endpoint",
          objects: place.with(place.service(), []),
          flows: [{ from: "client", to: taken, expect: rejected, rule: UNUSED }],
        }, {
          when: "the Service is deleted",
          objects: [],
          flows: [{ from: "client", to: taken, expect: dropped, rule: DROP }],
        }],
      };
    },
  },
];
