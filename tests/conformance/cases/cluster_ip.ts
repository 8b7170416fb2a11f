/**
 * Cluster IPs: who reaches which endpoints, and what happens without any.
 *
 * @module
 */
import { reaches, rejected, untouched } from "../case.ts";
import { HTTP } from "../place.ts";
import type { CaseTemplate } from "../template.ts";
import { OTHER_PORT, TARGET_PORT } from "../world.ts";

const VIP = "A cluster IP leads to the Service's ready endpoints on any node (Virtual IPs).";
const OUTSIDERS =
  "Traffic to a cluster IP that is not from a pod is masqueraded (--cluster-cidr, kube-proxy).";
const KEPT = "Traffic to a cluster IP from a pod keeps its source (Using Source IP).";
const REJECT = "Connections to a Service without endpoints are refused (KEP-3866, no endpoints).";
const UNUSED = "An unused port of a cluster IP is refused (KEP-3866, cluster-ips-check).";
const PROTOCOLS = "Ports of different protocols are different ports (Service, port definitions).";

/** The cases. */
export const CLUSTER_IP: readonly CaseTemplate[] = [
  {
    name: "A cluster IP leads to endpoints of this node and of others",
    build(place) {
      const all = ["backend-0", "backend-1", "elsewhere-0"] as const;
      const to = place.to(place.clusterIP());
      return {
        steps: [{
          objects: place.with(place.service(), all),
          flows: [
            { from: "client", to, expect: reaches(all, "client"), rule: KEPT },
            { from: "node", to, expect: reaches(all), rule: VIP },
            { from: "outside", to, expect: reaches(all, "node"), rule: OUTSIDERS },
            { from: "other-node", to, expect: reaches(all, "node"), rule: OUTSIDERS },
            {
              ...{ from: "client", to: place.to(place.clusterIP(), 81) },
              expect: rejected,
              rule: UNUSED,
            },
            {
              ...{ from: "node", to: place.to(place.clusterIP(), 81) },
              expect: rejected,
              rule: UNUSED,
            },
            {
              ...{ from: "client", to: place.to(place.clusterIP(), 80, "UDP") },
              ...{ expect: rejected, rule: UNUSED },
            },
            {
              ...{ from: "outside", to: place.to(place.clusterIP(), TARGET_PORT) },
              ...{ expect: rejected, rule: UNUSED },
            },
          ],
        }],
      };
    },
  },
  {
    name: "One port number serves TCP, UDP and SCTP side by side",
    build(place) {
      const service = place.service({
        ports: (["TCP", "UDP", "SCTP"] as const).map((protocol) => ({
          ...HTTP,
          ...{ name: protocol.toLowerCase(), protocol },
        })),
      });
      const slice = place.slice(service, ["backend-0", "elsewhere-0"], {
        ports: [
          { name: "tcp", protocol: "TCP", port: OTHER_PORT },
          { name: "udp", protocol: "UDP", port: TARGET_PORT },
          { name: "sctp", protocol: "SCTP", port: TARGET_PORT },
        ],
      });
      const at = (protocol: "TCP" | "UDP" | "SCTP") => place.to(place.clusterIP(), 80, protocol);
      const tcp = [`backend-0:${OTHER_PORT}`, `elsewhere-0:${OTHER_PORT}`];
      const rest = ["backend-0", "elsewhere-0"];
      return {
        steps: [{
          objects: [service, slice],
          flows: [
            { from: "client", to: at("TCP"), expect: reaches(tcp, "client"), rule: PROTOCOLS },
            { from: "client", to: at("UDP"), expect: reaches(rest, "client"), rule: PROTOCOLS },
            { from: "client", to: at("SCTP"), expect: reaches(rest, "client"), rule: PROTOCOLS },
            { from: "outside", to: at("UDP"), expect: reaches(rest, "node"), rule: OUTSIDERS },
            { from: "outside", to: at("SCTP"), expect: reaches(rest, "node"), rule: OUTSIDERS },
            { from: "node", to: at("UDP"), expect: reaches(rest), rule: VIP },
          ],
        }],
      };
    },
  },
  {
    name: "Each port of a Service leads to its own target port",
    build(place) {
      const ports = [HTTP, { ...HTTP, name: "metrics", port: 90 }];
      const service = place.service({ ports });
      const slice = place.slice(service, ["backend-0", "elsewhere-1"], {
        ports: [
          { name: "http", protocol: "TCP", port: TARGET_PORT },
          { name: "metrics", protocol: "TCP", port: OTHER_PORT },
        ],
      });
      const rule = "A slice's port belongs to the Service's port of its name (EndpointSlices).";
      return {
        steps: [{
          objects: [service, slice],
          flows: [
            {
              ...{ from: "client", to: place.to(place.clusterIP(), 80), rule },
              expect: reaches(["backend-0", "elsewhere-1"], "client"),
            },
            {
              ...{ from: "client", to: place.to(place.clusterIP(), 90), rule },
              expect: reaches([`backend-0:${OTHER_PORT}`, `elsewhere-1:${OTHER_PORT}`], "client"),
            },
          ],
        }],
      };
    },
  },
  {
    name: "A Service without endpoints refuses",
    build(place) {
      const ports = [HTTP, { ...HTTP, name: "udp", protocol: "UDP" } as const];
      const to = place.to(place.clusterIP());
      const udp = place.to(place.clusterIP(), 80, "UDP");
      return {
        steps: [{
          objects: place.with(place.service({ ports }), []),
          flows: [
            { from: "client", to, expect: rejected, rule: REJECT },
            { from: "node", to, expect: rejected, rule: REJECT },
            { from: "outside", to, expect: rejected, rule: REJECT },
            { from: "client", to: udp, expect: rejected, rule: REJECT },
          ],
        }],
      };
    },
  },
  {
    name: "An endpoint that is not ready gets nothing",
    build(place) {
      const unready = { ready: false, serving: false };
      const rule = "Only ready endpoints serve (EndpointSlices, conditions).";
      const to = place.to(place.clusterIP());
      return {
        steps: [{
          objects: place.with(place.service(), ["backend-0", { of: "backend-1", ...unready }]),
          flows: [{ from: "client", to, expect: reaches(["backend-0"], "client"), rule }],
        }, {
          when: "the ready one is no longer so",
          objects: place.with(place.service(), [{ of: "backend-0", ...unready }]),
          flows: [{ from: "client", to, expect: rejected, rule: REJECT }],
        }, {
          when: "it is ready again",
          objects: place.with(place.service(), ["backend-0"]),
          flows: [{ from: "client", to, expect: reaches(["backend-0"], "client"), rule }],
        }, {
          when: "the Service is deleted",
          objects: [],
          flows: [{
            ...{ from: "client", to, expect: untouched },
            rule: "A deleted Service's address belongs to nobody (Service).",
          }],
        }],
      };
    },
  },
  {
    name: "What publishNotReadyAddresses makes ready serves",
    build(place) {
      const service = place.service({ publishNotReadyAddresses: true });
      return {
        steps: [{
          objects: place.with(service, [{ of: "elsewhere-0", ready: true, serving: false }]),
          flows: [{
            ...{ from: "client", to: place.to(place.clusterIP()) },
            expect: reaches(["elsewhere-0"], "client"),
            rule: "The slice's ready condition counts, however it came about (core/v1, " +
              "publishNotReadyAddresses).",
          }],
        }],
      };
    },
  },
  {
    name: "Endpoints of several slices are one set",
    build(place) {
      const service = place.service();
      const more = {
        name: "web-2",
        ports: [{ name: "http", protocol: "TCP", port: OTHER_PORT }],
      } as const;
      const unnamed = {
        name: "web-3",
        ports: [{ name: "", protocol: "TCP", port: TARGET_PORT }],
      } as const;
      const rule = "A Service's endpoints are those of all its slices (KEP-752).";
      return {
        steps: [{
          objects: [
            ...place.with(service, ["backend-0"]),
            place.slice(service, ["backend-0", "elsewhere-0"], more),
            place.slice(service, ["backend-1"], unnamed),
          ],
          flows: [{
            ...{ from: "client", to: place.to(place.clusterIP()), rule },
            expect: reaches([
              "backend-0",
              `backend-0:${OTHER_PORT}`,
              `elsewhere-0:${OTHER_PORT}`,
            ], "client"),
          }],
        }],
      };
    },
  },
  {
    name: "A pod reaches itself through its Service",
    build(place) {
      const ports = [HTTP, { ...HTTP, name: "udp", protocol: "UDP" } as const];
      const service = place.service({ ports });
      const rule = "An endpoint that reaches itself is masqueraded, or it would answer past the " +
        "node (KEP-3866, hairpin).";
      const to = place.to(place.clusterIP());
      return {
        steps: [{
          objects: place.with(service, ["backend-0"]),
          flows: [
            { from: "backend-0", to, expect: reaches(["backend-0"], "node"), rule },
            {
              ...{ from: "backend-0", to: place.to(place.clusterIP(), 80, "UDP"), rule },
              expect: reaches(["backend-0"], "node"),
            },
            { from: "backend-1", to, expect: reaches(["backend-0"], "client"), rule: KEPT },
          ],
        }, {
          when: "it has another endpoint",
          objects: place.with(service, ["backend-0", "backend-1"]),
          flows: [
            { from: "backend-0", to, expect: reaches(["backend-0", "backend-1"]), rule },
          ],
        }],
      };
    },
  },
  {
    name: "A dual-stack Service serves both families, each with its own endpoints",
    build(place) {
      const { other } = place;
      // The case of the other family has the same two the other way round.
      const addresses = [place.clusterIP(1), other.clusterIP(2)];
      const service = place.service({ clusterIP: place.clusterIP(1), clusterIPs: addresses });
      const rule = "A dual-stack Service has a cluster IP and endpoints of each family (KEP-563).";
      const own = { from: "client", to: place.to(place.clusterIP(1)), rule } as const;
      const others = { from: "client", to: place.to(other.clusterIP(2)), rule } as const;
      return {
        steps: [{
          objects: [
            ...place.with(service, ["backend-0"]),
            other.slice(service, ["backend-1", "elsewhere-0"]),
          ],
          flows: [
            { ...own, expect: reaches(["backend-0"], "client") },
            { ...others, expect: reaches(["backend-1", "elsewhere-0"], "client") },
          ],
        }, {
          when: "only one family has endpoints",
          objects: place.with(service, ["backend-0"]),
          flows: [
            { ...own, expect: reaches(["backend-0"], "client") },
            { ...others, expect: rejected },
          ],
        }, {
          when: "it is a single-stack Service",
          objects: place.with({ ...service, clusterIPs: [place.clusterIP(1)] }, ["backend-1"]),
          flows: [
            { ...own, expect: reaches(["backend-1"], "client") },
            { ...others, expect: untouched },
          ],
        }],
      };
    },
  },
];
