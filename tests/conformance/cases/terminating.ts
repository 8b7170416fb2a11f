/**
 * Terminating endpoints.
 *
 * @module
 */
import { reaches, rejected } from "../case.ts";
import type { CaseTemplate } from "../template.ts";
import { OTHER_ZONE, type Server, ZONE } from "../world.ts";

const READY = "A terminating endpoint gets nothing as long as another is ready (KEP-1669).";
const DRAINING = "Terminating endpoints serve when none is ready and they still can (KEP-1669).";
const LOCAL = "The fallback is that of each set by itself: here the node's own (KEP-1669).";

function draining(of: Server, serving = true) {
  return { of, ready: false, serving, terminating: true };
}

/** The cases. */
export const TERMINATING: readonly CaseTemplate[] = [
  {
    name: "Terminating endpoints serve only when there are no others",
    build(place) {
      const flow = { from: "client", to: place.to(place.clusterIP()) } as const;
      return {
        steps: [
          {
            objects: place.with(place.service(), ["backend-0", draining("elsewhere-0")]),
            flows: [{ ...flow, expect: reaches(["backend-0"], "client"), rule: READY }],
          },
          {
            when: "all are terminating",
            objects: place.with(place.service(), [
              draining("backend-0"),
              draining("backend-1", false),
              draining("elsewhere-0"),
            ]),
            flows: [
              { ...flow, expect: reaches(["backend-0", "elsewhere-0"], "client"), rule: DRAINING },
            ],
          },
          {
            when: "none can serve any more",
            objects: place.with(place.service(), [draining("backend-0", false)]),
            flows: [{ ...flow, expect: rejected, rule: DRAINING }],
          },
          {
            when: "a new one is ready",
            objects: place.with(place.service(), [draining("backend-0"), "backend-1"]),
            flows: [{ ...flow, expect: reaches(["backend-1"], "client"), rule: READY }],
          },
        ],
      };
    },
  },
  {
    name: "Terminating endpoints serve whatever their hints say",
    build(place) {
      const endpoints = [
        { ...draining("backend-0"), hintZones: [ZONE] },
        { ...draining("elsewhere-0"), hintZones: [OTHER_ZONE] },
      ];
      return {
        steps: [{
          objects: place.with(place.service(), endpoints),
          flows: [{
            ...{ from: "client", to: place.to(place.clusterIP()) },
            expect: reaches(["backend-0", "elsewhere-0"], "client"),
            rule: "Topology is ignored when only terminating endpoints are left (kube-proxy).",
          }],
        }],
      };
    },
  },
  {
    name: "With internalTrafficPolicy Local this node's terminating endpoint goes before others",
    build(place) {
      const service = place.service({ internalTrafficPolicy: "Local" });
      const flow = { from: "client", to: place.to(place.clusterIP()) } as const;
      return {
        steps: [
          {
            objects: place.with(service, [draining("backend-0"), "elsewhere-0"]),
            flows: [{ ...flow, expect: reaches(["backend-0"], "client"), rule: LOCAL }],
          },
          {
            when: "one here is ready",
            objects: place.with(service, [draining("backend-0"), "backend-1", "elsewhere-0"]),
            flows: [{ ...flow, expect: reaches(["backend-1"], "client"), rule: READY }],
          },
        ],
      };
    },
  },
  {
    name: "With externalTrafficPolicy Local this node's terminating endpoint serves outsiders",
    build(place) {
      const service = place.loadBalancerService({ externalTrafficPolicy: "Local" });
      const outside = { from: "outside", to: place.to(place.loadBalancerIP()) } as const;
      const client = { from: "client", to: place.to(place.loadBalancerIP()) } as const;
      return {
        steps: [
          {
            objects: place.with(service, [draining("backend-0"), "elsewhere-0"]),
            flows: [
              { ...outside, expect: reaches(["backend-0"], "client"), rule: LOCAL },
              { ...client, expect: reaches(["elsewhere-0"], "client"), rule: READY },
            ],
          },
          {
            when: "all are terminating",
            objects: place.with(service, [draining("backend-0"), draining("elsewhere-0")]),
            flows: [
              { ...outside, expect: reaches(["backend-0"], "client"), rule: LOCAL },
              {
                ...client,
                expect: reaches(["backend-0", "elsewhere-0"], "client"),
                rule: DRAINING,
              },
            ],
          },
        ],
      };
    },
  },
];
