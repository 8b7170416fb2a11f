/**
 * internalTrafficPolicy.
 *
 * @module
 */
import { dropped, reaches, rejected } from "../case.ts";
import { HTTP } from "../place.ts";
import type { CaseTemplate } from "../template.ts";

const LOCAL = "With internalTrafficPolicy Local only this node's endpoints serve (KEP-2086).";
const NONE =
  "With internalTrafficPolicy Local and no endpoint here, packets are dropped (KEP-2086).";
const REJECT = "A Service without any endpoint refuses, whatever its policy (KEP-2086).";
const BOTH = ["backend-0", "elsewhere-0"] as const;

/** The cases. */
export const INTERNAL_POLICY: readonly CaseTemplate[] = [
  {
    name: "With internalTrafficPolicy Local a cluster IP leads to this node's endpoints",
    build(place) {
      const ports = [
        { ...HTTP, nodePort: place.nodePort() },
        {
          ...{ ...HTTP, name: "udp", nodePort: 0 },
          protocol: "UDP",
        } as const,
      ];
      const service = place.nodePortService({ ports, internalTrafficPolicy: "Local" });
      const to = place.to(place.clusterIP());
      const local = ["backend-0", "backend-1"];
      return {
        steps: [{
          objects: place.with(service, ["backend-0", "backend-1", "elsewhere-0"]),
          flows: [
            { from: "client", to, expect: reaches(local, "client"), rule: LOCAL },
            { from: "node", to, expect: reaches(local), rule: LOCAL },
            { from: "outside", to, expect: reaches(local, "node"), rule: LOCAL },
            {
              ...{ from: "client", to: place.to(place.clusterIP(), 80, "UDP") },
              ...{ expect: reaches(local, "client"), rule: LOCAL },
            },
            {
              ...{ from: "outside", to: place.to(place.nodeIP, place.nodePort()) },
              expect: reaches(["backend-0", "backend-1", "elsewhere-0"], "node"),
              rule: "internalTrafficPolicy does not govern external traffic (KEP-2086).",
            },
          ],
        }, {
          when: "no endpoint is here",
          objects: place.with(service, ["elsewhere-0"]),
          flows: [
            { from: "client", to, expect: dropped, rule: NONE },
            { from: "node", to, expect: dropped, rule: NONE },
            {
              ...{ from: "client", to: place.to(place.clusterIP(), 80, "UDP") },
              ...{ expect: dropped, rule: NONE },
            },
            {
              ...{ from: "client", to: place.to(place.nodeIP, place.nodePort()) },
              ...{ expect: reaches(["elsewhere-0"], "node"), rule: LOCAL },
            },
          ],
        }, {
          when: "there is no endpoint at all",
          objects: place.with(service, []),
          flows: [{ from: "client", to, expect: rejected, rule: REJECT }],
        }],
      };
    },
  },
  {
    name: "internalTrafficPolicy changes in place",
    build(place) {
      const service = (internalTrafficPolicy: "Cluster" | "Local") =>
        place.with(place.service({ internalTrafficPolicy }), BOTH);
      const flow = { from: "client", to: place.to(place.clusterIP()), rule: LOCAL } as const;
      return {
        steps: [
          { objects: service("Cluster"), flows: [{ ...flow, expect: reaches(BOTH, "client") }] },
          {
            when: "it is Local",
            objects: service("Local"),
            flows: [{ ...flow, expect: reaches(["backend-0"], "client") }],
          },
          {
            when: "it is Cluster again",
            objects: service("Cluster"),
            flows: [{ ...flow, expect: reaches(BOTH, "client") }],
          },
        ],
      };
    },
  },
];
