/**
 * The bench's API server, in a process of its own: loads the cluster, then changes one endpoint
 * whenever it is told to. It reads one JSON command a line and answers each with one line.
 *
 * @module
 */
import { TextLineStream } from "./lines.ts";
import {
  benchCluster,
  type BenchService,
  endpointAddress,
  LARGE,
  largeService,
  mixedCluster,
} from "./cluster.ts";
import { requestPath, resources } from "../../host/source/kube/resource.ts";
import { FakeApiServer } from "../kit/api_server.ts";
import type { ApiStore } from "../kit/api_store.ts";

/** A command: what the slice of a Service shall be. */
interface Change {
  readonly service: number;
  /** How many endpoints it has more than in the beginning. */
  readonly more: number;
  /** The place of the endpoint that is another than in the beginning; -1 for none. */
  readonly replaced: number;
}

function now(): number {
  return performance.timeOrigin + performance.now();
}

function say(answer: unknown): void {
  console.log(JSON.stringify(answer));
}

function applyService(store: ApiStore, service: BenchService): void {
  const { nodePort, ...spec } = service.spec ?? {};
  const port = { name: service.portName, protocol: "TCP", port: service.port, targetPort: 8080 };
  const ingress = service.loadBalancerIP === undefined ? [] : [{ ip: service.loadBalancerIP }];
  store.apply("Service", {
    metadata: { namespace: service.namespace, name: service.name },
    spec: {
      type: "ClusterIP",
      clusterIP: service.clusterIP,
      clusterIPs: [service.clusterIP],
      ipFamilies: ["IPv4"],
      ports: [nodePort === undefined ? port : { ...port, nodePort }],
      sessionAffinity: "None",
      internalTrafficPolicy: "Cluster",
      ...spec,
    },
    status: { loadBalancer: { ingress } },
  });
}

function applySlice(
  store: ApiStore,
  service: BenchService,
  endpoints: BenchService["endpoints"],
): void {
  store.apply("EndpointSlice", {
    metadata: {
      namespace: service.namespace,
      name: `${service.name}-x7k2p`,
      labels: { "kubernetes.io/service-name": service.name },
    },
    addressType: "IPv4",
    ports: [{ name: service.portName, protocol: "TCP", port: 8080 }],
    endpoints: endpoints.map(({ ip }, index) => ({
      addresses: [ip],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `node-${index % 100}`,
      zone: `zone-${index % 3}`,
    })),
  });
}

function applyLarge(store: ApiStore): void {
  const { clusterIP, ports, endpoints } = largeService();
  const namespace = `bench-${LARGE}`;
  store.apply("Service", {
    metadata: { namespace, name: LARGE },
    spec: { type: "ClusterIP", clusterIP, clusterIPs: [clusterIP], ipFamilies: ["IPv4"], ports },
    status: {},
  });
  store.apply("EndpointSlice", {
    metadata: {
      namespace,
      name: `${LARGE}-x7k2p`,
      labels: { "kubernetes.io/service-name": LARGE },
    },
    addressType: "IPv4",
    ports,
    endpoints: endpoints.map((ip) => ({ addresses: [ip], conditions: { ready: true } })),
  });
}

const [services = 0, endpoints = 0] = Deno.args.map(Number);
const cluster = endpoints === 0 ? mixedCluster(services) : benchCluster(services, endpoints);
const endpointsInAll = cluster.reduce((sum, service) => sum + service.endpoints.length, 0);
await using server = await FakeApiServer.start({ keepLists: true });
server.store.apply("Node", {
  metadata: { name: "node-0", labels: { "topology.kubernetes.io/zone": "zone-0" } },
  spec: { podCIDRs: ["10.0.0.0/24"] },
  status: {},
});
for (const service of cluster) {
  applyService(server.store, service);
  applySlice(server.store, service, service.endpoints);
}
// Objects are encoded and lists put together when they are first asked for: not while weir is timed.
for (const resource of resources("node-0")) {
  const path = requestPath(resource, { limit: "500", resourceVersion: "0" });
  const accept = "application/vnd.kubernetes.protobuf";
  await (await fetch(`${server.url}${path}`, { headers: { accept } })).arrayBuffer();
}
say({ url: server.url });

for await (const line of Deno.stdin.readable.pipeThrough(new TextLineStream())) {
  if (line === "listed") {
    const first = server.requests.find(({ path, verb, accept }) =>
      path.endsWith("services") && verb === "list" && accept.includes("json")
    );
    say({ at: first?.at ?? null });
    continue;
  }
  if (line === LARGE) {
    applyLarge(server.store);
    say({ at: now() });
    continue;
  }
  const change: Change = JSON.parse(line);
  const service = cluster[change.service];
  if (service === undefined) throw new Error(`Cannot change service "${line}": there is none`);
  const fresh = { ip: endpointAddress(endpointsInAll + change.service), port: 8080 };
  const wanted = Array.from(
    { length: service.endpoints.length + change.more },
    (_, index) => index === change.replaced ? fresh : service.endpoints[index] ?? fresh,
  );
  const at = now();
  applySlice(server.store, service, wanted);
  say({ at });
}
