/**
 * Load balancers: their addresses, and who may use them.
 *
 * @module
 */
import { dropped, reaches, rejected, untouched } from "../case.ts";
import { HTTP } from "../place.ts";
import type { CaseTemplate } from "../template.ts";

const VIP = "A load balancer's address of mode VIP is handled on the node (KEP-1860).";
const PROXY = "A load balancer's address of mode Proxy is left to the load balancer (KEP-1860).";
const MASQUERADED =
  "External traffic of policy Cluster is masqueraded, wherever it comes from (Using Source IP).";
const RANGES =
  "loadBalancerSourceRanges says who may use the load balancer (Service, LoadBalancer).";
const ONLY_VIP =
  "Source ranges are for the load balancer's addresses only (Service, LoadBalancer).";
const NODE_RULE =
  "Where the node is allowed, the load balancer's own address is an allowed source (kube-proxy).";
const BOTH = ["backend-0", "elsewhere-0"] as const;

/** The cases. */
export const LOAD_BALANCER: readonly CaseTemplate[] = [
  {
    name: "A load balancer's address leads to the endpoints, and so do NodePort and cluster IP",
    build(place) {
      const to = place.to(place.loadBalancerIP());
      return {
        steps: [{
          objects: place.with(place.loadBalancerService(), BOTH),
          flows: [
            { from: "outside", to, expect: reaches(BOTH, "node"), rule: MASQUERADED },
            { from: "client", to, expect: reaches(BOTH, "node"), rule: MASQUERADED },
            { from: "node", to, expect: reaches(BOTH), rule: VIP },
            {
              ...{ from: "outside", to: place.to(place.nodeIP, place.nodePort()) },
              ...{
                expect: reaches(BOTH, "node"),
                rule: "A LoadBalancer Service has a NodePort too (Service, LoadBalancer).",
              },
            },
            {
              ...{ from: "client", to: place.to(place.clusterIP()) },
              ...{
                expect: reaches(BOTH, "client"),
                rule: "A LoadBalancer Service has a cluster IP too (Service, LoadBalancer).",
              },
            },
            {
              ...{ from: "outside", to: place.to(place.loadBalancerIP(), 81), expect: untouched },
              rule:
                "Other ports of a load balancer's address are not the Service's (Service, LoadBalancer).",
            },
          ],
        }],
      };
    },
  },
  {
    name: "A load balancer that proxies keeps its address to itself",
    build(place) {
      const service = place.loadBalancerService({ loadBalancerIngress: [place.ingress("Proxy")] });
      const to = place.to(place.loadBalancerIP());
      return {
        steps: [{
          objects: place.with(service, BOTH),
          flows: [
            { from: "outside", to, expect: untouched, rule: PROXY },
            { from: "client", to, expect: untouched, rule: PROXY },
            { from: "node", to, expect: untouched, rule: PROXY },
            {
              ...{ from: "outside", to: place.to(place.nodeIP, place.nodePort()) },
              ...{ expect: reaches(BOTH, "node"), rule: PROXY },
            },
          ],
        }, {
          when: "its mode is VIP",
          objects: place.with(place.loadBalancerService(), BOTH),
          flows: [{ from: "client", to, expect: reaches(BOTH, "node"), rule: VIP }],
        }],
      };
    },
  },
  {
    name: "A load balancer needs no NodePort",
    build(place) {
      const service = place.loadBalancerService({ ports: [HTTP] });
      const rule = "With allocateLoadBalancerNodePorts: false there is none (KEP-1864).";
      return {
        steps: [{
          objects: place.with(service, BOTH),
          flows: [
            {
              ...{ from: "outside", to: place.to(place.loadBalancerIP()), rule },
              expect: reaches(BOTH, "node"),
            },
            {
              ...{ from: "outside", to: place.to(place.nodeIP, place.nodePort()), rule },
              expect: untouched,
            },
            { from: "outside", to: place.to(place.nodeIP), expect: untouched, rule },
          ],
        }],
      };
    },
  },
  {
    name: "A load balancer without endpoints refuses",
    build(place) {
      const to = place.to(place.loadBalancerIP());
      const rule = "Connections to a Service without endpoints are refused on every address " +
        "(KEP-3866, no endpoints).";
      return {
        steps: [{
          objects: place.with(place.loadBalancerService(), []),
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
    name: "A load balancer's addresses come and go",
    build(place) {
      const service = (...indexes: number[]) =>
        place.loadBalancerService({
          loadBalancerIngress: indexes.map((index) => place.ingress("VIP", index)),
        });
      const flow = (index: number, served: boolean) => ({
        ...{ from: "outside", to: place.to(place.loadBalancerIP(index)) } as const,
        expect: served ? reaches(["backend-1"], "node") : untouched,
        rule: "The addresses are those of status.loadBalancer.ingress (Service, LoadBalancer).",
      });
      return {
        steps: [
          {
            objects: place.with(service(), ["backend-1"]),
            flows: [flow(0, false)],
          },
          {
            when: "it has two",
            objects: place.with(service(0, 1), ["backend-1"]),
            flows: [flow(0, true), flow(1, true)],
          },
          {
            when: "it has lost one",
            objects: place.with(service(1), ["backend-1"]),
            flows: [flow(0, false), flow(1, true)],
          },
        ],
      };
    },
  },
  {
    name: "Source ranges let in whom they name, at the load balancer's address only",
    build(place) {
      const service = place.loadBalancerService({
        externalIPs: [place.externalIP()],
        loadBalancerSourceRanges: [place.only(place.addressOf("outside"))],
      });
      const to = place.to(place.loadBalancerIP());
      return {
        steps: [{
          objects: place.with(service, BOTH),
          flows: [
            { from: "outside", to, expect: reaches(BOTH, "node"), rule: RANGES },
            { from: "other-node", to, expect: dropped, rule: RANGES },
            { from: "client", to, expect: dropped, rule: RANGES },
            { from: "node", to, expect: dropped, rule: RANGES },
            {
              ...{ from: "client", to: place.to(place.nodeIP, place.nodePort()) },
              ...{ expect: reaches(BOTH, "node"), rule: ONLY_VIP },
            },
            {
              ...{ from: "client", to: place.to(place.externalIP()) },
              ...{ expect: reaches(BOTH, "node"), rule: ONLY_VIP },
            },
            {
              ...{ from: "client", to: place.to(place.clusterIP()) },
              ...{ expect: reaches(BOTH, "client"), rule: ONLY_VIP },
            },
            {
              ...{ from: "node", source: place.loadBalancerIP(), to },
              ...{ expect: dropped, rule: NODE_RULE },
            },
          ],
        }, {
          when: "others are named",
          objects: place.with(
            { ...service, loadBalancerSourceRanges: [place.only(place.addressOf("client"))] },
            BOTH,
          ),
          flows: [
            { from: "outside", to, expect: dropped, rule: RANGES },
            { from: "client", to, expect: reaches(BOTH, "node"), rule: RANGES },
          ],
        }, {
          when: "nobody is named",
          objects: place.with({ ...service, loadBalancerSourceRanges: [] }, BOTH),
          flows: [
            { from: "outside", to, expect: reaches(BOTH, "node"), rule: RANGES },
            { from: "client", to, expect: reaches(BOTH, "node"), rule: RANGES },
          ],
        }],
      };
    },
  },
  {
    name: "Source ranges that hold the node let in the load balancer's own address",
    build(place) {
      const service = place.loadBalancerService({
        loadBalancerSourceRanges: [place.only(place.nodeIP)],
      });
      const to = place.to(place.loadBalancerIP());
      return {
        steps: [{
          objects: place.with(service, BOTH),
          flows: [
            { from: "outside", to, expect: dropped, rule: RANGES },
            {
              ...{ from: "node", source: place.loadBalancerIP(), to },
              ...{ expect: reaches(BOTH, "node"), rule: NODE_RULE },
            },
            {
              ...{ from: "node", source: place.nodeIP, to },
              ...{ expect: reaches(BOTH, "node"), rule: RANGES },
            },
          ],
        }],
      };
    },
  },
  {
    name: "A source range of everything restricts nothing",
    build(place) {
      const service = place.loadBalancerService({
        loadBalancerSourceRanges: [place.only(place.addressOf("client")), place.everything],
      });
      const to = place.to(place.loadBalancerIP());
      return {
        steps: [{
          objects: place.with(service, BOTH),
          flows: [
            { from: "outside", to, expect: reaches(BOTH, "node"), rule: RANGES },
            { from: "node", to, expect: reaches(BOTH), rule: RANGES },
          ],
        }],
      };
    },
  },
  {
    name: "Source ranges of the other family restrict nothing in this one",
    build(place) {
      const { other } = place;
      const foreign = [other.only(other.addressOf("client"))];
      const service = place.loadBalancerService({ loadBalancerSourceRanges: foreign });
      const mixed = [...foreign, place.only(place.addressOf("outside"))];
      const to = place.to(place.loadBalancerIP());
      const rule = "Of the source ranges each family's proxy takes those of its own (KEP-563).";
      return {
        steps: [{
          objects: place.with(service, BOTH),
          flows: [{ from: "outside", to, expect: reaches(BOTH, "node"), rule }],
        }, {
          when: "there is one of this family too",
          objects: place.with({ ...service, loadBalancerSourceRanges: mixed }, BOTH),
          flows: [
            { from: "outside", to, expect: reaches(BOTH, "node"), rule },
            { from: "client", to, expect: dropped, rule },
          ],
        }],
      };
    },
  },
  {
    name: "Source ranges hold where the policy is Local, for pods too",
    build(place) {
      const service = place.loadBalancerService({
        externalTrafficPolicy: "Local",
        loadBalancerSourceRanges: [place.only(place.addressOf("outside"))],
      });
      const to = place.to(place.loadBalancerIP());
      return {
        steps: [{
          objects: place.with(service, BOTH),
          flows: [
            { from: "outside", to, expect: reaches(["backend-0"], "client"), rule: RANGES },
            { from: "client", to, expect: dropped, rule: RANGES },
            { from: "other-node", to, expect: dropped, rule: RANGES },
          ],
        }],
      };
    },
  },
];
