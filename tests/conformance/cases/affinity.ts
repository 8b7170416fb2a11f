/**
 * Session affinity ClientIP.
 *
 * @module
 */
import type { Service } from "../../../schemas/kube.ts";
import { reaches, sticks } from "../case.ts";
import type { Place } from "../place.ts";
import type { CaseTemplate } from "../template.ts";

const STICKS = "With sessionAffinity ClientIP a client stays with its endpoint (Session affinity).";
const ADDRESSES =
  "Affinity is of the client and the Service's port, whichever of its addresses is " +
  "used (Session affinity).";
const ALL = ["backend-0", "backend-1", "elsewhere-0"] as const;
/** Seconds. */
const TIMEOUT = 100;

const AFFINITY: Partial<Service> = {
  sessionAffinity: "ClientIP",
  affinityTimeoutSeconds: TIMEOUT,
};

function unrelated(place: Place) {
  const other = place.service({ name: "other", clusterIP: place.clusterIP(1) });
  return place.with(other, ["elsewhere-1"]);
}

/** The cases. */
export const AFFINITY_CASES: readonly CaseTemplate[] = [
  {
    name: "A client stays with its endpoint, and each client with its own",
    build(place) {
      const service = place.service(AFFINITY);
      const to = place.to(place.clusterIP());
      const flows = [
        { from: "client", to, expect: sticks(ALL, "client"), rule: STICKS },
        { from: "outside", to, expect: sticks(ALL, "outside"), rule: STICKS },
        { from: "node", to, expect: sticks(ALL, "node"), rule: STICKS },
      ] as const;
      return {
        steps: [
          { objects: place.with(service, ALL), flows },
          {
            when: "another Service has come",
            objects: [...place.with(service, ALL), ...unrelated(place)],
            flows,
          },
        ],
      };
    },
  },
  {
    name: "A client stays as long as its endpoint does, and then goes to another",
    build(place) {
      const service = place.service(AFFINITY);
      const flow = { from: "client", to: place.to(place.clusterIP()), rule: STICKS } as const;
      const only = (...endpoints: string[]) => reaches(endpoints, "client");
      const rule = "A client whose endpoint is gone gets another (Session affinity).";
      return {
        steps: [
          {
            objects: place.with(service, ["backend-0"]),
            flows: [{ ...flow, expect: only("backend-0") }],
          },
          {
            when: "others have come",
            objects: place.with(service, ALL),
            flows: [{ ...flow, expect: only("backend-0") }],
          },
          {
            when: "its endpoint has gone",
            objects: place.with(service, ["elsewhere-0"]),
            flows: [{ ...flow, expect: only("elsewhere-0"), rule }],
          },
          {
            when: "the first is back",
            objects: place.with(service, ALL),
            flows: [{ ...flow, expect: only("elsewhere-0"), rule }],
          },
        ],
      };
    },
  },
  {
    name: "A client stays with its endpoint over all addresses of a port",
    build(place) {
      const service = place.loadBalancerService({
        ...{ ...AFFINITY, externalIPs: [place.externalIP()] },
      });
      const destinations = [
        place.to(place.clusterIP()),
        place.to(place.loadBalancerIP()),
        place.to(place.externalIP()),
        place.to(place.nodeIP, place.nodePort()),
      ];
      return {
        steps: [{
          objects: place.with(service, ["elsewhere-0"]),
          flows: [{
            ...{ from: "client", to: place.to(place.clusterIP()) },
            ...{ expect: sticks(["elsewhere-0"]), rule: STICKS },
          }, {
            ...{ from: "outside", to: place.to(place.loadBalancerIP()) },
            ...{ expect: sticks(["elsewhere-0"], "outside"), rule: STICKS },
          }],
        }, {
          when: "others have come",
          objects: place.with(service, ALL),
          flows: (["client", "outside"] as const).flatMap((from) =>
            destinations.map((to) => ({
              ...{ from, to, rule: ADDRESSES },
              expect: sticks(["elsewhere-0"], from),
            }))
          ),
        }],
      };
    },
  },
  {
    name: "A client stays with its endpoint by UDP",
    build(place) {
      const ports = [{ name: "udp", protocol: "UDP", port: 80, nodePort: 0 } as const];
      const service = place.service({ ...AFFINITY, ports });
      const to = place.to(place.clusterIP(), 80, "UDP");
      return {
        steps: [{
          objects: place.with(service, ALL),
          flows: [{ from: "client", to, expect: sticks(ALL), rule: STICKS }],
        }],
      };
    },
  },
  {
    name: "A client of a policy Local stays with an endpoint of this node",
    build(place) {
      const service = place.loadBalancerService({
        ...{ ...AFFINITY, externalTrafficPolicy: "Local" },
      });
      const here = ["backend-0", "backend-1"];
      return {
        steps: [{
          objects: place.with(service, ALL),
          flows: [{
            ...{ from: "outside", to: place.to(place.loadBalancerIP()) },
            ...{ expect: sticks(here), rule: STICKS },
          }],
        }],
      };
    },
  },
  {
    name: "Without affinity any more a client is free again",
    build(place) {
      const flow = { from: "client", to: place.to(place.clusterIP()), rule: STICKS } as const;
      return {
        steps: [
          {
            objects: place.with(place.service(AFFINITY), ALL),
            flows: [{ ...flow, expect: sticks(ALL) }],
          },
          {
            when: "its sessionAffinity is None",
            objects: place.with(place.service(), ALL),
            flows: [{ ...flow, expect: reaches(ALL, "client") }],
          },
        ],
      };
    },
  },
  {
    name: "A client is free again when the time since its last connection is over",
    build(place) {
      const service = place.service(AFFINITY);
      const flow = { from: "client", to: place.to(place.clusterIP()) } as const;
      const rule =
        "The time runs from the client's last connection (sessionAffinityConfig)." as const;
      const objects = place.with(service, ALL);
      const stays = { ...flow, expect: sticks(["elsewhere-0"]), rule };
      return {
        steps: [
          { objects: place.with(service, ["elsewhere-0"]), flows: [stays] },
          { when: "60 s have passed", wait: 0.6 * TIMEOUT, objects, flows: [stays] },
          { when: "another 60 s have passed", wait: 0.6 * TIMEOUT, objects, flows: [stays] },
          {
            when: "110 s have passed",
            wait: 1.1 * TIMEOUT,
            objects,
            flows: [{ ...flow, expect: reaches(ALL, "client"), rule }],
          },
        ],
      };
    },
  },
];
