/**
 * Whose source is replaced, by the proxier's settings.
 *
 * @module
 */
import { reaches } from "../case.ts";
import type { CaseTemplate } from "../template.ts";

const ALL = "With --masquerade-all all traffic to cluster IPs is masqueraded (kube-proxy).";
const NONE =
  "Without a way to tell local traffic nothing is masqueraded for its source (kube-proxy).";
const DETECTOR = "Traffic to a cluster IP that the detector does not take for a local pod's is " +
  "masqueraded (--detect-local-mode, kube-proxy).";
const DIRECT =
  "Traffic to a pod's own address is not a service proxy's affair (cluster networking).";
const BOTH = ["backend-0", "elsewhere-0"] as const;

/** The cases. */
export const MASQUERADE: readonly CaseTemplate[] = [
  {
    name: "With --masquerade-all pods are masqueraded on the way to cluster IPs",
    build(place) {
      const to = place.to(place.clusterIP());
      return {
        settings: { masqueradeAll: true },
        steps: [{
          objects: place.with(place.service(), BOTH),
          flows: [
            { from: "client", to, expect: reaches(BOTH, "node"), rule: ALL },
            { from: "outside", to, expect: reaches(BOTH, "node"), rule: ALL },
            {
              ...{ from: "client", to: place.to(place.addressOf("backend-1"), 8080) },
              ...{ expect: reaches(["backend-1"], "client"), rule: DIRECT },
            },
          ],
        }],
      };
    },
  },
  {
    name: "Without a detector cluster IPs masquerade nobody, and external addresses everybody",
    build(place) {
      const to = place.to(place.clusterIP());
      const nodePort = place.to(place.nodeIP, place.nodePort());
      return {
        settings: { localMatches: [] },
        steps: [{
          objects: place.with(place.nodePortService(), BOTH),
          flows: [
            { from: "client", to, expect: reaches(BOTH, "client"), rule: NONE },
            { from: "outside", to, expect: reaches(BOTH, "client"), rule: NONE },
            {
              ...{ from: "client", to: nodePort, expect: reaches(BOTH, "node") },
              rule: "External traffic of policy Cluster is always masqueraded (Using Source IP).",
            },
          ],
        }],
      };
    },
  },
  {
    name: "Local pods are told by the prefix of their interfaces",
    build(place) {
      const to = place.to(place.clusterIP());
      const vip = place.to(place.loadBalancerIP());
      const service = place.loadBalancerService({ externalTrafficPolicy: "Local" });
      return {
        settings: { localMatches: [{ type: "interfacePrefix", prefix: "pod" }] },
        steps: [{
          objects: place.with(service, BOTH),
          flows: [
            { from: "client", to, expect: reaches(BOTH, "client"), rule: DETECTOR },
            { from: "outside", to, expect: reaches(BOTH, "node"), rule: DETECTOR },
            { from: "other-node", to, expect: reaches(BOTH, "node"), rule: DETECTOR },
            {
              ...{ from: "client", to: vip, expect: reaches(BOTH, "client") },
              rule: "The detector also says whom the policy's short-circuit is for (kube-proxy).",
            },
            {
              ...{ from: "outside", to: vip, expect: reaches(["backend-0"], "client") },
              rule: "The detector also says whom the policy's short-circuit is for (kube-proxy).",
            },
          ],
        }],
      };
    },
  },
  {
    name: "Local pods are told by their interface",
    build(place) {
      const to = place.to(place.clusterIP());
      const only = ["backend-0"] as const;
      return {
        settings: { localMatches: [{ type: "interface", name: "pod0" }] },
        steps: [{
          objects: place.with(place.service(), only),
          flows: [
            { from: "client", to, expect: reaches(only, "client"), rule: DETECTOR },
            { from: "backend-1", to, expect: reaches(only, "node"), rule: DETECTOR },
            { from: "outside", to, expect: reaches(only, "node"), rule: DETECTOR },
          ],
        }],
      };
    },
  },
  {
    name: "Any bit of the packet mark serves for masquerading",
    build(place) {
      const rule = "--iptables-masquerade-bit and its like may be any of 0 to 31 (kube-proxy).";
      return {
        settings: { masqueradeBit: 31 },
        steps: [{
          objects: place.with(place.nodePortService(), BOTH),
          flows: [
            {
              ...{ from: "outside", to: place.to(place.clusterIP()), rule },
              expect: reaches(BOTH, "node"),
            },
            {
              ...{ from: "client", to: place.to(place.clusterIP()), rule },
              expect: reaches(BOTH, "client"),
            },
            {
              ...{ from: "client", to: place.to(place.nodeIP, place.nodePort()), rule },
              expect: reaches(BOTH, "node"),
            },
          ],
        }],
      };
    },
  },
  {
    name: "Traffic to a pod's own address passes as it is",
    build(place) {
      const to = place.to(place.addressOf("backend-0"), 8080);
      return {
        steps: [{
          objects: place.with(place.loadBalancerService(), BOTH),
          flows: [
            { from: "client", to, expect: reaches(["backend-0"], "client"), rule: DIRECT },
            { from: "outside", to, expect: reaches(["backend-0"], "client"), rule: DIRECT },
            {
              ...{ from: "client", to: place.to(place.addressOf("elsewhere-0"), 8080) },
              ...{ expect: reaches(["elsewhere-0"], "client"), rule: DIRECT },
            },
          ],
        }],
      };
    },
  },
];
