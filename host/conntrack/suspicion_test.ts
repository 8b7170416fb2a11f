import assert from "node:assert/strict";
import { ipBytes } from "../../schemas/ip.ts";
import type { Protocol } from "../../schemas/kube.ts";
import type { ExternalView, ServicePortView, Verdict } from "../../schemas/view.ts";
import type { Flow } from "../capabilities/conntrack/flow.ts";
import { ipKey, socketKey } from "../capabilities/conntrack/socket_key.ts";
import { type EndpointAddress, sameAddresses, Suspicion } from "./suspicion.ts";
import { sampleEndpoints, samplePort } from "./sample.ts";

const NODE = "192.0.2.1";
const EXTERNAL: ExternalView = {
  verdict: "cluster",
  externalIPs: ["198.51.100.7"],
  loadBalancerIPs: ["203.0.113.9"],
  nodePort: 30053,
};

function key(text: string) {
  const colon = text.lastIndexOf(":");
  return socketKey(ipBytes(text.slice(0, colon)), Number(text.slice(colon + 1)));
}

function flow(destination: string, responder: string, zone: Flow["zone"] = "common"): Flow {
  const [to, from] = [key(destination), key(responder)];
  return { protocol: 17, destination: to, responder: from, zone, identity: [] };
}

interface Case {
  readonly what: string;
  /** As it was; suspected too. */
  readonly before?: ServicePortView;
  /** As it is; undefined when it is gone. */
  readonly now?: ServicePortView;
  /** Claims the same addresses, and nobody suspects it. */
  readonly other?: ServicePortView;
  readonly serving?: readonly EndpointAddress[];
  readonly protocol?: Protocol;
  readonly flow: Flow;
  readonly is: "sound" | "stale" | "lingering";
}

const LIVING = samplePort({ endpoints: sampleEndpoints("10.244.0.1:5353", "10.244.0.2:5353") });
const OUTSIDE = { ...LIVING, external: EXTERNAL };
const EMPTY = samplePort({ internal: "reject", endpoints: [] });
const EMPTY_OUTSIDE = { ...EMPTY, external: { ...EXTERNAL, verdict: "reject" as Verdict } };
const DROPPED = { ...LIVING, external: { ...EXTERNAL, verdict: "drop" as Verdict } };
const VIP = "10.96.0.10:53";

const CASES: readonly Case[] = [
  {
    what: "to an endpoint that the port has is left alone",
    now: LIVING,
    flow: flow(VIP, "10.244.0.2:5353"),
    is: "sound",
  },
  {
    what: "to an endpoint that is gone is stale",
    now: LIVING,
    flow: flow(VIP, "10.244.0.3:5353"),
    is: "stale",
  },
  {
    what: "to the right address but another port of the endpoint is stale",
    now: LIVING,
    flow: flow(VIP, "10.244.0.2:53"),
    is: "stale",
  },
  {
    what: "to an endpoint that still serves but gets no new flows lingers",
    now: LIVING,
    serving: [{ ip: "10.244.0.3", port: 5353 }],
    flow: flow(VIP, "10.244.0.3:5353"),
    is: "lingering",
  },
  {
    what: "to a Service that has no endpoint any more is stale",
    now: EMPTY,
    flow: flow(VIP, "10.244.0.1:5353"),
    is: "stale",
  },
  {
    what: "to a Service that is gone is stale",
    before: LIVING,
    flow: flow(VIP, "10.244.0.1:5353"),
    is: "stale",
  },
  {
    what: "to a cluster IP that the Service has left is stale",
    before: samplePort({ clusterIP: "10.96.0.11" }),
    now: LIVING,
    flow: flow("10.96.0.11:53", "10.244.0.1:5353"),
    is: "stale",
  },
  {
    what: "to an address that another port has taken over goes by that port's endpoints",
    before: LIVING,
    other: samplePort({ name: "other", endpoints: sampleEndpoints("10.244.0.9:53") }),
    flow: flow(VIP, "10.244.0.9:53"),
    is: "sound",
  },
  {
    what: "to an address that two ports claim is sound with the endpoints of either",
    now: samplePort({ external: EXTERNAL, endpoints: sampleEndpoints("10.244.0.1:53") }),
    other: samplePort({
      name: "other",
      clusterIP: "10.96.0.99",
      external: EXTERNAL,
      endpoints: sampleEndpoints("10.244.0.9:53"),
    }),
    flow: flow("198.51.100.7:53", "10.244.0.9:53"),
    is: "sound",
  },
  ...(["198.51.100.7:53", "203.0.113.9:53", `${NODE}:30053`] as const).flatMap((place): Case[] => [
    {
      what: `to ${place} and an endpoint that the port has is left alone`,
      now: OUTSIDE,
      flow: flow(place, "10.244.0.1:5353"),
      is: "sound",
    },
    {
      what: `to ${place} and an endpoint that is gone is stale`,
      now: OUTSIDE,
      flow: flow(place, "10.244.0.3:5353"),
      is: "stale",
    },
    {
      what: `to ${place} of a Service without endpoints is stale`,
      now: EMPTY_OUTSIDE,
      flow: flow(place, "10.244.0.3:5353"),
      is: "stale",
    },
    {
      what: `to ${place} of a Service that is not reached from outside any more is stale`,
      before: OUTSIDE,
      now: LIVING,
      flow: flow(place, "10.244.0.1:5353"),
      is: "stale",
    },
    {
      what: `to ${place} that was never translated is stale once there are endpoints`,
      now: OUTSIDE,
      flow: flow(place, place),
      is: "stale",
    },
    {
      what: `to ${place} that was not translated is left alone while there are no endpoints`,
      now: EMPTY_OUTSIDE,
      flow: flow(place, place),
      is: "sound",
    },
    {
      what: `to ${place} that was never translated and would be dropped by now is stale`,
      now: DROPPED,
      flow: flow(place, place),
      is: "stale",
    },
  ]),
  {
    what: "through this node to the node port of another is left alone",
    now: OUTSIDE,
    flow: flow("192.0.2.2:30053", "192.0.2.2:30053"),
    is: "sound",
  },
  {
    what: "translated by somebody else for an address that is not the node's is left alone",
    now: OUTSIDE,
    flow: flow("172.17.0.1:30053", "172.17.0.2:53"),
    is: "sound",
  },
  {
    what: "to the cluster IP that was never translated is stale once there are endpoints",
    now: LIVING,
    flow: flow(VIP, VIP),
    is: "stale",
  },
  {
    what: "to the cluster IP that was not translated is left alone without endpoints",
    now: EMPTY,
    flow: flow(VIP, VIP),
    is: "sound",
  },
  {
    what: "that somebody tracks in a zone of theirs on its way to us is left alone",
    now: LIVING,
    flow: flow(VIP, VIP, "other"),
    is: "sound",
  },
  {
    what: "translated in a zone to an endpoint that is gone is stale",
    now: LIVING,
    flow: flow(VIP, "10.244.0.3:5353", "other"),
    is: "stale",
  },
  {
    what: "to another port of the cluster IP is left alone",
    now: LIVING,
    flow: flow("10.96.0.10:54", "10.244.0.3:5353"),
    is: "sound",
  },
  {
    what: "to nobody's address is left alone",
    now: LIVING,
    flow: flow("8.8.8.8:53", "8.8.8.8:53"),
    is: "sound",
  },
  {
    what: "straight to an endpoint that is gone is left alone",
    now: LIVING,
    flow: flow("10.244.0.3:5353", "10.244.0.3:5353"),
    is: "sound",
  },
  {
    what: "of TCP to an endpoint that is gone is stale where TCP is asked for",
    now: { ...LIVING, protocol: "TCP" },
    protocol: "TCP",
    flow: flow(VIP, "10.244.0.3:5353"),
    is: "stale",
  },
  {
    what: "of TCP that was never translated is left alone: its client notices",
    now: { ...LIVING, protocol: "TCP" },
    protocol: "TCP",
    flow: flow(VIP, VIP),
    is: "sound",
  },
];

for (const { what, before, now, other, serving = [], protocol = "UDP", flow, is } of CASES) {
  Deno.test(`A flow ${what}`, () => {
    const suspicion = new Suspicion(protocol);
    if (before !== undefined) suspicion.suspect(before);
    if (now !== undefined) suspicion.suspect(now);
    if (now !== undefined) suspicion.claim(now, () => serving);
    if (other !== undefined) suspicion.claim(other, () => []);
    const { type } = suspicion.judge(flow, new Set([ipKey(ipBytes(NODE))]));
    assert.equal(type, is);
  });
}

Deno.test("Flows are looked for at the ports of what is suspected, node ports among them", () => {
  const suspicion = new Suspicion("UDP");
  assert.deepEqual([...suspicion.ports], []);
  suspicion.suspect(LIVING);
  assert.deepEqual([...suspicion.ports], [53]);
  assert.equal(suspicion.hasNodePorts, false);
  suspicion.suspect(OUTSIDE);
  assert.deepEqual([...suspicion.ports], [53, 30053]);
  assert.equal(suspicion.hasNodePorts, true);
});

const MOVES: readonly (readonly [string, Partial<ServicePortView>, boolean])[] = [
  ["other endpoints", { endpoints: [] }, true],
  ["another policy", { internal: "drop" }, true],
  ["another cluster IP", { clusterIP: "10.96.0.11" }, false],
  ["another port", { port: 54 }, false],
  ["another node port", { external: { ...EXTERNAL, nodePort: 30054 } }, false],
  ["another verdict outside", { external: { ...EXTERNAL, verdict: "drop" } }, true],
  ["one external IP less", { external: { ...EXTERNAL, externalIPs: [] } }, false],
  [
    "one load balancer's IP more",
    { external: { ...EXTERNAL, loadBalancerIPs: ["203.0.113.9", "203.0.113.10"] } },
    false,
  ],
];

for (const [what, fields, same] of MOVES) {
  Deno.test(`A service port with ${what} is reached ${same ? "as before" : "elsewhere"}`, () => {
    assert.equal(sameAddresses(OUTSIDE, { ...OUTSIDE, ...fields }), same);
  });
}
