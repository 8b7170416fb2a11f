/**
 * Topology hints.
 *
 * @module
 */
import { reaches } from "../case.ts";
import type { EndpointOf } from "../place.ts";
import type { CaseTemplate } from "../template.ts";
import { NODE_NAME, OTHER_ZONE, type Server, ZONE } from "../world.ts";

const ZONES = "Endpoints whose hints name this node's zone serve, if all have hints (KEP-2433).";
const NODES = "Node hints go before zone hints (KEP-3015).";
const FALLBACK = "Hints that leave somebody out are ignored (KEP-2433, safeguards).";
const BOTH = ["backend-0", "elsewhere-0"] as const;

function hinted(of: Server, hintZones: readonly string[], hintNodes: readonly string[] = []) {
  return { of, hintZones, hintNodes };
}

function clusterIPCase(
  name: string,
  rule: string,
  endpoints: readonly EndpointOf[],
  reached: readonly string[],
  labels?: Readonly<Record<string, string>>,
): CaseTemplate {
  return {
    name,
    build: (place) => ({
      ...labels === undefined ? {} : { node: { labels } },
      steps: [{
        objects: place.with(place.service(), endpoints),
        flows: [{
          ...{ from: "client", to: place.to(place.clusterIP()), rule },
          expect: reaches(reached, "client"),
        }],
      }],
    }),
  };
}

/** The cases. */
export const TOPOLOGY: readonly CaseTemplate[] = [
  clusterIPCase(
    "Zone hints keep connections in the zone",
    ZONES,
    [
      hinted("backend-0", [ZONE]),
      hinted("elsewhere-0", [OTHER_ZONE, ZONE]),
      hinted("elsewhere-1", [OTHER_ZONE]),
    ],
    BOTH,
  ),
  clusterIPCase(
    "Zone hints of which one is missing are ignored",
    FALLBACK,
    [hinted("backend-0", [ZONE]), "elsewhere-0"],
    BOTH,
  ),
  clusterIPCase(
    "Zone hints that do not name this zone are ignored",
    FALLBACK,
    BOTH.map((of) => hinted(of, [OTHER_ZONE])),
    BOTH,
  ),
  clusterIPCase(
    "Zone hints are ignored on a node without a zone",
    FALLBACK,
    [hinted("backend-0", [ZONE]), hinted("elsewhere-0", [OTHER_ZONE])],
    BOTH,
    {},
  ),
  clusterIPCase(
    "Zone hints of endpoints that are not ready do not count",
    "Hints are those of the ready endpoints (KEP-2433).",
    [
      hinted("backend-0", [ZONE]),
      hinted("elsewhere-0", [OTHER_ZONE]),
      { of: "elsewhere-1", ready: false, serving: false },
    ],
    ["backend-0"],
  ),
  clusterIPCase(
    "Node hints keep connections on the node, before zone hints",
    NODES,
    [
      hinted("backend-0", [ZONE], [NODE_NAME]),
      hinted("backend-1", [ZONE], ["elsewhere"]),
      hinted("elsewhere-0", [ZONE], ["elsewhere"]),
    ],
    ["backend-0"],
  ),
  clusterIPCase(
    "Node hints that do not name this node leave the choice to the zone hints",
    NODES,
    [
      hinted("backend-0", [ZONE], ["elsewhere"]),
      hinted("backend-1", [OTHER_ZONE], ["elsewhere"]),
      hinted("elsewhere-0", [OTHER_ZONE], ["elsewhere"]),
    ],
    ["backend-0"],
  ),
  {
    name: "trafficDistribution alone, without hints, changes nothing",
    build: (place) => ({
      steps: [{
        objects: place.with(place.service({ trafficDistribution: "PreferSameNode" }), BOTH),
        flows: [{
          ...{ from: "client", to: place.to(place.clusterIP()) },
          expect: reaches(BOTH, "client"),
          rule: "The field is for who writes the hints, the hints are for the proxy (KEP-4444).",
        }],
      }],
    }),
  },
  {
    name: "Zone hints hold for outside traffic of policy Cluster, and not for the local set",
    build(place) {
      const service = place.loadBalancerService();
      const endpoints = [hinted("backend-0", [OTHER_ZONE]), hinted("elsewhere-0", [ZONE])];
      const flow = { from: "outside", to: place.to(place.loadBalancerIP()) } as const;
      return {
        steps: [{
          objects: place.with(service, endpoints),
          flows: [{ ...flow, expect: reaches(["elsewhere-0"], "node"), rule: ZONES }],
        }, {
          when: "its externalTrafficPolicy is Local",
          objects: place.with({ ...service, externalTrafficPolicy: "Local" }, endpoints),
          flows: [{
            ...flow,
            expect: reaches(["backend-0"], "client"),
            rule: "Where the policy is Local every endpoint of the node serves (KEP-2433).",
          }],
        }],
      };
    },
  },
  {
    name: "Zone hints come and go",
    build(place) {
      const with_ = (...hints: readonly string[]) =>
        place.with(place.service(), [
          hinted("backend-0", hints.length === 0 ? [] : [ZONE]),
          hinted("elsewhere-0", hints),
        ]);
      const flow = { from: "client", to: place.to(place.clusterIP()), rule: ZONES } as const;
      return {
        steps: [
          { objects: with_(), flows: [{ ...flow, expect: reaches(BOTH, "client") }] },
          {
            when: "all have hints",
            objects: with_(OTHER_ZONE),
            flows: [{ ...flow, expect: reaches(["backend-0"], "client") }],
          },
          {
            when: "none has any",
            objects: with_(),
            flows: [{ ...flow, expect: reaches(BOTH, "client") }],
          },
        ],
      };
    },
  },
];
