/**
 * External IPs.
 *
 * @module
 */
import { reaches, rejected, untouched } from "../case.ts";
import type { CaseTemplate } from "../template.ts";

const LEADS =
  "Traffic with an external IP as its destination is routed to the endpoints (External IPs).";
const MASQUERADED =
  "External traffic of policy Cluster is masqueraded, wherever it comes from (Using Source IP).";
const BOTH = ["backend-0", "elsewhere-0"] as const;

/** The cases. */
export const EXTERNAL_IP: readonly CaseTemplate[] = [
  {
    name: "External IPs lead to the endpoints, at the Service's port only",
    build(place) {
      const service = place.service({ externalIPs: [place.externalIP(), place.externalIP(1)] });
      const to = place.to(place.externalIP());
      return {
        steps: [{
          objects: place.with(service, BOTH),
          flows: [
            { from: "outside", to, expect: reaches(BOTH, "node"), rule: MASQUERADED },
            { from: "client", to, expect: reaches(BOTH, "node"), rule: MASQUERADED },
            { from: "node", to, expect: reaches(BOTH), rule: LEADS },
            {
              ...{ from: "outside", to: place.to(place.externalIP(1)) },
              ...{ expect: reaches(BOTH, "node"), rule: LEADS },
            },
            {
              ...{ from: "outside", to: place.to(place.externalIP(), 81), expect: untouched },
              rule: "Other ports of an external IP are not Kubernetes' affair (External IPs).",
            },
            {
              ...{ from: "client", to: place.to(place.externalIP(2)), expect: untouched },
              rule: "Only the addresses in spec.externalIPs are (External IPs).",
            },
          ],
        }],
      };
    },
  },
  {
    name: "An external IP without endpoints refuses",
    build(place) {
      const service = place.service({ externalIPs: [place.externalIP()] });
      const to = place.to(place.externalIP());
      const rule = "Connections to a Service without endpoints are refused on every address " +
        "(KEP-3866, no endpoints).";
      return {
        steps: [{
          objects: place.with(service, []),
          flows: [
            { from: "outside", to, expect: rejected, rule },
            { from: "client", to, expect: rejected, rule },
            { from: "node", to, expect: rejected, rule },
          ],
        }],
      };
    },
  },
  {
    name: "An external IP goes from one Service to another",
    build(place) {
      const externalIPs = [place.externalIP()];
      const one = (has: boolean) => place.service(has ? { externalIPs } : {});
      const two = (has: boolean) =>
        place.service({
          ...{ name: "two", clusterIP: place.clusterIP(1) },
          ...has ? { externalIPs } : {},
        });
      const flow = {
        ...{ from: "outside", to: place.to(place.externalIP()) } as const,
        rule: "spec.externalIPs may be changed in place (External IPs).",
      };
      return {
        steps: [
          {
            objects: [...place.with(one(true), ["backend-0"]), ...place.with(two(false), BOTH)],
            flows: [{ ...flow, expect: reaches(["backend-0"], "node") }],
          },
          {
            when: "the other Service has it",
            objects: [
              ...place.with(one(false), ["backend-0"]),
              ...place.with(two(true), ["backend-1"]),
            ],
            flows: [{ ...flow, expect: reaches(["backend-1"], "node") }],
          },
          {
            when: "neither has it",
            objects: [...place.with(one(false), ["backend-0"]), ...place.with(two(false), BOTH)],
            flows: [{ ...flow, expect: untouched }],
          },
        ],
      };
    },
  },
];
