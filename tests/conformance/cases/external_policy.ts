/**
 * externalTrafficPolicy Local.
 *
 * @module
 */
import { dropped, reaches, rejected } from "../case.ts";
import type { Place } from "../place.ts";
import type { CaseTemplate } from "../template.ts";

const KEPT = "With externalTrafficPolicy Local outside traffic goes to this node's endpoints and " +
  "keeps its source (Using Source IP).";
const SHORT =
  "Connections from this node and its pods to external addresses are taken as internal " +
  "ones and go to any endpoint (kube-proxy, externalTrafficPolicy short-circuit).";
const NONE = "With externalTrafficPolicy Local and no endpoint here, outside traffic is dropped " +
  "(Using Source IP).";
const REJECT = "A Service without any endpoint refuses, whatever its policy (KEP-2086).";
const CLUSTER = "externalTrafficPolicy does not govern the cluster IP (Service).";
const BOTH = ["backend-0", "elsewhere-0"] as const;

function local(place: Place) {
  return place.loadBalancerService({
    externalIPs: [place.externalIP()],
    externalTrafficPolicy: "Local",
  });
}

/** The cases. */
export const EXTERNAL_POLICY: readonly CaseTemplate[] = [
  {
    name: "With externalTrafficPolicy Local outsiders keep their source and stay on this node",
    build(place) {
      const vip = place.to(place.loadBalancerIP());
      const nodePort = place.to(place.nodeIP, place.nodePort());
      const external = place.to(place.externalIP());
      const here = reaches(["backend-0"], "client");
      return {
        steps: [{
          objects: place.with(local(place), BOTH),
          flows: [
            { from: "outside", to: vip, expect: here, rule: KEPT },
            { from: "outside", to: nodePort, expect: here, rule: KEPT },
            { from: "outside", to: external, expect: here, rule: KEPT },
            { from: "other-node", to: vip, expect: here, rule: KEPT },
            { from: "client", to: vip, expect: reaches(BOTH, "client"), rule: SHORT },
            { from: "client", to: nodePort, expect: reaches(BOTH, "client"), rule: SHORT },
            { from: "client", to: external, expect: reaches(BOTH, "client"), rule: SHORT },
            { from: "node", to: vip, expect: reaches(BOTH, "node"), rule: SHORT },
            { from: "node", to: nodePort, expect: reaches(BOTH, "node"), rule: SHORT },
            {
              ...{ from: "client", to: place.to(place.clusterIP()) },
              ...{ expect: reaches(BOTH, "client"), rule: CLUSTER },
            },
          ],
        }, {
          when: "no endpoint is here",
          objects: place.with(local(place), ["elsewhere-0"]),
          flows: [
            { from: "outside", to: vip, expect: dropped, rule: NONE },
            { from: "outside", to: nodePort, expect: dropped, rule: NONE },
            { from: "outside", to: external, expect: dropped, rule: NONE },
            { from: "client", to: vip, expect: reaches(["elsewhere-0"], "client"), rule: SHORT },
            {
              from: "client",
              to: nodePort,
              expect: reaches(["elsewhere-0"], "client"),
              rule: SHORT,
            },
            { from: "node", to: vip, expect: reaches(["elsewhere-0"], "node"), rule: SHORT },
            {
              ...{ from: "client", to: place.to(place.clusterIP()) },
              ...{ expect: reaches(["elsewhere-0"], "client"), rule: CLUSTER },
            },
          ],
        }, {
          when: "there is no endpoint at all",
          objects: place.with(local(place), []),
          flows: [
            { from: "outside", to: vip, expect: rejected, rule: REJECT },
            { from: "outside", to: nodePort, expect: rejected, rule: REJECT },
            { from: "client", to: external, expect: rejected, rule: REJECT },
          ],
        }],
      };
    },
  },
  {
    name:
      "Two policies Local: the internal one holds for the cluster IP, the external for the rest",
    build(place) {
      const service = { ...local(place), internalTrafficPolicy: "Local" } as const;
      return {
        steps: [{
          objects: place.with(service, BOTH),
          flows: [
            {
              ...{ from: "client", to: place.to(place.clusterIP()) },
              expect: reaches(["backend-0"], "client"),
              rule: "With internalTrafficPolicy Local only this node's endpoints serve (KEP-2086).",
            },
            {
              ...{ from: "outside", to: place.to(place.loadBalancerIP()) },
              ...{ expect: reaches(["backend-0"], "client"), rule: KEPT },
            },
            {
              ...{ from: "client", to: place.to(place.loadBalancerIP()) },
              ...{ expect: reaches(BOTH, "client"), rule: SHORT },
            },
          ],
        }],
      };
    },
  },
  {
    name: "externalTrafficPolicy changes in place",
    build(place) {
      const with_ = (externalTrafficPolicy: "Cluster" | "Local") =>
        place.with({ ...local(place), externalTrafficPolicy }, BOTH);
      const flow = { from: "outside", to: place.to(place.loadBalancerIP()), rule: KEPT } as const;
      return {
        steps: [
          { objects: with_("Cluster"), flows: [{ ...flow, expect: reaches(BOTH, "node") }] },
          {
            when: "it is Local",
            objects: with_("Local"),
            flows: [{ ...flow, expect: reaches(["backend-0"], "client") }],
          },
          {
            when: "it is Cluster again",
            objects: with_("Cluster"),
            flows: [{ ...flow, expect: reaches(BOTH, "node") }],
          },
        ],
      };
    },
  },
  {
    name: "A pod reaches itself through its Service's external addresses, whatever the policy",
    build(place) {
      const rule = "An endpoint that reaches itself is masqueraded, or it would answer past the " +
        "node (KEP-3866, hairpin).";
      const to = place.to(place.loadBalancerIP());
      const nodePort = place.to(place.nodeIP, place.nodePort());
      return {
        steps: [{
          objects: place.with(local(place), ["backend-0"]),
          flows: [
            { from: "backend-0", to, expect: reaches(["backend-0"], "node"), rule },
            { from: "backend-0", to: nodePort, expect: reaches(["backend-0"], "node"), rule },
          ],
        }],
      };
    },
  },
  {
    name: "Without a detector nobody is taken for a pod of this node",
    build(place) {
      const to = place.to(place.loadBalancerIP());
      return {
        settings: { localMatches: [] },
        steps: [{
          objects: place.with(local(place), BOTH),
          flows: [
            { from: "outside", to, expect: reaches(["backend-0"], "client"), rule: KEPT },
            { from: "client", to, expect: reaches(["backend-0"], "client"), rule: KEPT },
            { from: "node", to, expect: reaches(BOTH, "node"), rule: SHORT },
          ],
        }],
      };
    },
  },
];
