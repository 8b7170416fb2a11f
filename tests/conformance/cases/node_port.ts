/**
 * NodePorts: at which addresses they answer, for whom and as whom.
 *
 * @module
 */
import { reaches, rejected, untouched } from "../case.ts";
import { HTTP } from "../place.ts";
import type { CaseTemplate } from "../template.ts";

const ANSWERS = "A NodePort answers on the node's address and leads to any endpoint (NodePort).";
const MASQUERADED =
  "External traffic of policy Cluster is masqueraded, wherever it comes from (Using Source IP).";
const LISTED = "A NodePort answers only on the addresses of --nodeport-addresses (KEP-3866).";
const LOOPBACK = "The nftables proxier has no NodePorts on loopback addresses (KEP-3866).";
const REJECT = "A NodePort without endpoints is refused (KEP-3866, no-endpoint-nodeports).";

const BOTH = ["backend-0", "elsewhere-0"] as const;

/** The cases. */
export const NODE_PORT: readonly CaseTemplate[] = [
  {
    name: "A NodePort answers on the node's primary address, by its protocol",
    build(place) {
      const port = place.nodePort();
      const to = place.to(place.nodeIP, port);
      const masqueraded = { to, expect: reaches(BOTH, "node"), rule: MASQUERADED };
      return {
        steps: [{
          objects: place.with(place.nodePortService(), BOTH),
          flows: [
            { from: "outside", ...masqueraded },
            { from: "client", ...masqueraded },
            { from: "other-node", ...masqueraded },
            { from: "node", to, expect: reaches(BOTH), rule: ANSWERS },
            {
              ...{ from: "client", to: place.to(place.clusterIP()) },
              ...{
                expect: reaches(BOTH, "client"),
                rule: "A NodePort Service has a cluster IP too (Service, NodePort).",
              },
            },
            {
              ...{ from: "outside", to: place.to(place.nodeAddress("second"), port) },
              ...{ expect: untouched, rule: LISTED },
            },
            {
              ...{ from: "client", to: place.to(place.nodeAddress("gateway"), port) },
              ...{ expect: untouched, rule: LISTED },
            },
            {
              ...{ from: "node", to: place.to(place.nodeAddress("second"), port) },
              ...{ expect: untouched, rule: LISTED },
            },
            {
              ...{ from: "node", to: place.to(place.loopback, port) },
              ...{ expect: untouched, rule: LOOPBACK },
            },
            {
              ...{ from: "outside", to: place.to(place.nodeIP, port, "UDP") },
              ...{ expect: untouched, rule: ANSWERS },
            },
            {
              ...{ from: "outside", to: place.to(place.addressOf("other-node"), port) },
              ...{
                expect: untouched,
                rule: "A NodePort is the node's own, not another's (NodePort).",
              },
            },
          ],
        }],
      };
    },
  },
  {
    name: "With every address NodePorts answer on all of the node's but the loopback ones",
    build(place) {
      const port = place.nodePort();
      const rule = "Without --nodeport-addresses, or with all, every local address but loopback " +
        "answers (KEP-3866).";
      const to = (address: string) => place.to(address, port);
      return {
        settings: { nodePorts: { type: "every" } },
        steps: [{
          objects: place.with(place.nodePortService(), BOTH),
          flows: [
            { from: "outside", to: to(place.nodeIP), expect: reaches(BOTH, "node"), rule },
            {
              ...{ from: "outside", to: to(place.nodeAddress("second")), rule },
              expect: reaches(BOTH, "node"),
            },
            {
              ...{ from: "client", to: to(place.nodeAddress("gateway")), rule },
              expect: reaches(BOTH, "node"),
            },
            { from: "node", to: to(place.nodeAddress("second")), expect: reaches(BOTH), rule },
            { from: "node", to: to(place.loopback), expect: untouched, rule: LOOPBACK },
            { from: "outside", to: to(place.addressOf("other-node")), expect: untouched, rule },
          ],
        }],
      };
    },
  },
  {
    name: "One NodePort number serves TCP, UDP and SCTP side by side",
    build(place) {
      const ports = (["TCP", "UDP", "SCTP"] as const).map((protocol, index) => ({
        ...{ name: protocol.toLowerCase(), protocol, port: 80 + index },
        nodePort: place.nodePort(),
      }));
      const service = place.nodePortService({ ports });
      const rule = "A NodePort is allocated for each protocol by itself (Service, NodePort).";
      return {
        steps: [{
          objects: place.with(service, BOTH),
          flows: (["TCP", "UDP", "SCTP"] as const).map((protocol) => ({
            ...{ from: "outside", rule } as const,
            to: place.to(place.nodeIP, place.nodePort(), protocol),
            expect: reaches(BOTH, "node"),
          })),
        }],
      };
    },
  },
  {
    name: "A NodePort without endpoints refuses",
    build(place) {
      const ports = (["TCP", "UDP"] as const).map((protocol) => ({
        ...{ name: protocol.toLowerCase(), protocol, port: 80, nodePort: place.nodePort() },
      }));
      const to = place.to(place.nodeIP, place.nodePort());
      return {
        steps: [{
          objects: place.with(place.nodePortService({ ports }), []),
          flows: [
            { from: "outside", to, expect: rejected, rule: REJECT },
            { from: "client", to, expect: rejected, rule: REJECT },
            { from: "node", to, expect: rejected, rule: REJECT },
            {
              ...{ from: "outside", to: place.to(place.nodeIP, place.nodePort(), "UDP") },
              ...{ expect: rejected, rule: REJECT },
            },
          ],
        }],
      };
    },
  },
  {
    name: "A pod reaches itself through its NodePort",
    build(place) {
      return {
        steps: [{
          objects: place.with(place.nodePortService(), ["backend-0"]),
          flows: [{
            ...{ from: "backend-0", to: place.to(place.nodeIP, place.nodePort()) },
            ...{ expect: reaches(["backend-0"], "node"), rule: MASQUERADED },
          }],
        }],
      };
    },
  },
  {
    name: "A NodePort that changes leaves the old number to nobody, and another may have it",
    build(place) {
      const rule = "spec.ports[].nodePort may be changed in place (Service, NodePort).";
      const [first, second] = [place.nodePort(0), place.nodePort(1)];
      const with_ = (nodePort: number) => place.nodePortService({ ports: [{ ...HTTP, nodePort }] });
      const other = place.nodePortService({ name: "other", clusterIP: place.clusterIP(1) });
      const flow = { from: "outside", rule } as const;
      return {
        steps: [
          {
            objects: place.with(with_(first), ["backend-0"]),
            flows: [
              {
                ...flow,
                to: place.to(place.nodeIP, first),
                expect: reaches(["backend-0"], "node"),
              },
              { ...flow, to: place.to(place.nodeIP, second), expect: untouched },
            ],
          },
          {
            when: "it has another number",
            objects: place.with(with_(second), ["backend-0"]),
            flows: [
              { ...flow, to: place.to(place.nodeIP, first), expect: untouched },
              {
                ...flow,
                to: place.to(place.nodeIP, second),
                expect: reaches(["backend-0"], "node"),
              },
            ],
          },
          {
            when: "another Service has the old number",
            objects: [
              ...place.with(with_(second), ["backend-0"]),
              ...place.with(other, ["elsewhere-1"]),
            ],
            flows: [
              {
                ...flow,
                to: place.to(place.nodeIP, first),
                expect: reaches(["elsewhere-1"], "node"),
              },
              {
                ...flow,
                to: place.to(place.nodeIP, second),
                expect: reaches(["backend-0"], "node"),
              },
            ],
          },
        ],
      };
    },
  },
];
