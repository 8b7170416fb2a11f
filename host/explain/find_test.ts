import assert from "node:assert/strict";
import type { Protocol } from "../../schemas/kube.ts";
import type { NodePortAddresses } from "../../schemas/view.ts";
import { resolveService } from "../resolver/resolve.ts";
import { sampleEndpoint, sampleService, sampleSlice } from "../samples.ts";
import { findAddress } from "./find.ts";

const HERE = { name: "here", zone: "", addresses: ["192.0.2.1"] };
const SLICES = [sampleSlice([sampleEndpoint("10.0.0.1"), sampleEndpoint("10.0.0.2")])];
const views = [
  ...resolveService(
    sampleService({
      type: "LoadBalancer",
      externalIPs: ["198.51.100.7"],
      loadBalancerIngress: [{ ip: "203.0.113.9", ipMode: "VIP" }],
      ports: [{ name: "http", protocol: "TCP", port: 80, nodePort: 30080 }],
    }),
    SLICES,
    HERE,
  ).views,
  // Somebody names the address of a Service as an endpoint.
  ...resolveService(
    sampleService({ name: "alias", clusterIP: "10.96.0.2" }),
    [sampleSlice([sampleEndpoint("10.96.0.20")])],
    HERE,
  ).views,
  ...resolveService(
    sampleService({
      name: "store",
      clusterIP: "10.96.0.20",
      ports: [{ name: "http", protocol: "TCP", port: 8080, nodePort: 0 }],
    }),
    [],
    HERE,
  ).views,
  ...resolveService(
    sampleService({
      name: "dns",
      clusterIP: "10.96.0.10",
      ports: [
        { name: "dns", protocol: "UDP", port: 53, nodePort: 0 },
      ],
    }),
    [],
    HERE,
  ).views,
];

function find(
  ip: string,
  port: number | undefined,
  protocol?: Protocol,
  nodePorts: NodePortAddresses = { type: "every" },
) {
  const { hits, facts } = findAddress({ ip, port }, protocol, {
    views,
    settings: { serviceCIDRs: ["10.96.0.0/16"], nodePorts, families: ["IPv4"] },
    isLocal: (ip) => ip === "192.0.2.1",
  });
  return { hits: hits.map(({ kind, view }) => `${kind} ${view.id}`), facts: facts.join(" ") };
}

const WEB = "default/web:http/TCP/IPv4";
const HITS: readonly (readonly [string, number | undefined, string])[] = [
  ["10.96.0.1", 80, `clusterIP ${WEB}`],
  ["203.0.113.9", 80, `loadBalancerIP ${WEB}`],
  ["198.51.100.7", 80, `externalIP ${WEB}`],
  ["192.0.2.1", 30080, `nodePort ${WEB}`],
  ["10.0.0.2", 8080, `endpoint ${WEB}`],
  ["10.96.0.20", 8080, "clusterIP default/store:http/TCP/IPv4"],
  ["10.96.0.10", undefined, "clusterIP default/dns:dns/UDP/IPv4"],
];
for (const [ip, port, hit] of HITS) {
  Deno.test(`${ip}:${port ?? ""} is told to be ${hit}`, () => {
    assert.deepEqual(find(ip, port).hits, [hit]);
  });
}

const NEAREST: readonly (readonly [string, ReturnType<typeof find>, RegExp])[] = [
  ["an unused port of a cluster IP", find("10.96.0.1", 81), /Service default\/web.*it has TCP 80/],
  ["another protocol", find("10.96.0.10", 53, "TCP"), /no port TCP 10\.96\.0\.10:53.*UDP 53/],
  ["an unused cluster IP", find("10.96.0.99", 80), /in the ServiceCIDR 10\.96\.0\.0\/16.*dropped/],
  ["another port of an endpoint", find("10.0.0.1", 22), /an endpoint of default\/web.*TCP 8080/],
  ["an unused node port", find("192.0.2.1", 30081), /no Service has the node port 30081/],
  ["a node port of an address elsewhere", find("192.0.2.77", 30080), /no address of this node/],
  [
    "a node port where none answers",
    find("192.0.2.1", 30080, "TCP", { type: "listed", addresses: ["192.0.2.2"] }),
    /do not answer on 192\.0\.2\.1 \(--nodeport-addresses: 192\.0\.2\.2\)/,
  ],
  ["a family that is not served", find("fd00::1", 80), /IPv6 is not served on this node/],
  ["nobody's address", find("8.8.8.8", 53), /weir has no rule for it/],
];
for (const [sentence, { hits, facts }, expected] of NEAREST) {
  Deno.test(`of what is nobody's the nearest is told: ${sentence}`, () => {
    assert.deepEqual(hits, []);
    assert.match(facts, expected);
  });
}
