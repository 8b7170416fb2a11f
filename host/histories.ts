/**
 * Random histories of a cluster for tests: whatever happens in whatever order, tracker, resolver
 * and revisions must come to what a fresh start with the outcome comes to.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { ServiceHealth } from "../schemas/health.ts";
import type {
  EndpointSlice,
  KubeObject,
  Node,
  Service,
  ServiceCIDR,
  SourceEvent,
} from "../schemas/kube.ts";
import type { Diff, ProxierSettings, ServicePortView, Snapshot } from "../schemas/view.ts";
import { Revisions, sameView } from "./diff.ts";
import { type Resolution, resolveService } from "./resolver/resolve.ts";
import { sampleEndpoint, sampleNode, sampleService, sampleSlice } from "./samples.ts";
import { LABEL_ZONE, Tracker } from "./tracker.ts";

const SETTINGS: Omit<ProxierSettings, "serviceCIDRs"> = {
  families: ["IPv4", "IPv6"],
  masqueradeAll: false,
  masqueradeBit: 14,
  localMatches: [],
  nodePorts: { type: "every" },
};

// Most objects fit together: only then does the order of their coming make a difference.
function mostly<Value>(value: Value, ...others: Value[]): fc.Arbitrary<Value> {
  return fc.oneof(
    { weight: 12, arbitrary: fc.constant(value) },
    ...others.map((other) => ({ weight: 1, arbitrary: fc.constant(other) })),
  );
}

const name = fc.constantFrom("web", "api");
const portName = mostly("http", "", "dns");
const protocol = mostly<string>("TCP", "UDP", "SCTP", "QUIC", "");
const policy = fc.constantFrom<"Cluster" | "Local">("Cluster", "Local");
const nodeAddresses = fc.constantFrom(
  [],
  ["192.0.2.1"],
  ["192.0.2.1", "2001:db8::1"],
  ["198.51.100.1", "nonsense"],
);

const anyEndpoint = fc.record({
  address: fc.oneof(
    { weight: 9, arbitrary: fc.nat({ max: 3 }).map((last) => `10.0.0.${last}`) },
    { weight: 3, arbitrary: fc.nat({ max: 3 }).map((last) => `fd00::${last}`) },
    { weight: 1, arbitrary: fc.string() },
  ),
  ready: mostly(true, false),
  serving: fc.boolean(),
  terminating: mostly(false, true),
  nodeName: fc.constantFrom("", "here", "here", "elsewhere"),
  hintZones: mostly(["a"], ["b"], ["b"], ["b"], ["a", "b"], []),
  hintNodes: mostly<string[]>([], ["here"], ["elsewhere"]),
}).map(({ address, ...fields }) => sampleEndpoint(address, fields));

const anySlice: fc.Arbitrary<EndpointSlice> = fc.record({
  name: fc.constantFrom("s1", "s2", "s3"),
  serviceName: fc.oneof({ weight: 6, arbitrary: name }, { weight: 1, arbitrary: fc.constant("") }),
  addressType: mostly<EndpointSlice["addressType"]>("IPv4", "IPv6", "IPv6", "FQDN"),
  endpoints: fc.array(anyEndpoint, { minLength: 1, maxLength: 4 }),
  ports: fc.array(
    fc.record({ name: portName, protocol, port: mostly(8080, 0, 80, 70_000) }),
    { minLength: 1, maxLength: 2 },
  ),
}).map(({ endpoints, ...fields }) => sampleSlice(endpoints, fields));

const externalIP = fc.constantFrom(
  "198.51.100.7",
  "203.0.113.9",
  "2001:DB8::7",
  "10.96.0.1",
  "127.0.0.1",
  "nonsense",
);
const ingress = fc.record({
  ip: mostly("203.0.113.9", "203.0.113.8", "2001:db8::9", "nonsense"),
  ipMode: mostly<"VIP" | "Proxy">("VIP", "Proxy"),
});
const range = mostly(
  "192.0.2.0/24",
  " 10.1.2.3/8",
  "2001:db8::/32",
  "0.0.0.0/0",
  "10.0.0.0/33",
  "nonsense",
);

const anyService: fc.Arbitrary<Service> = fc.record({
  name,
  type: fc.oneof(
    {
      weight: 8,
      arbitrary: fc.constantFrom<Service["type"]>(
        "ClusterIP",
        "NodePort",
        "LoadBalancer",
        "LoadBalancer",
      ),
    },
    { weight: 1, arbitrary: fc.constant<Service["type"]>("ExternalName") },
  ),
  clusterIPs: fc.constantFrom(["10.96.0.1"], ["10.96.0.1", "fd00:96::1"], ["10.96.0.2"], [
    "fd00:96::1",
    "10.96.0.300",
  ]),
  clusterIP: mostly("10.96.0.1", "None"),
  labels: mostly<Service["labels"]>({}, { "service.kubernetes.io/service-proxy-name": "other" }),
  externalIPs: fc.array(externalIP, { maxLength: 3 }),
  ports: fc.array(
    fc.record({
      name: portName,
      protocol,
      port: mostly(80, 0, 81, 70_000),
      nodePort: mostly(30_080, 0, 30_081, -1, 70_000),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  affinityTimeoutSeconds: mostly(0, 10_800, 60),
  internalTrafficPolicy: policy,
  externalTrafficPolicy: policy,
  healthCheckNodePort: mostly(32_000, 0, 32_001, 70_000),
  loadBalancerSourceRanges: fc.oneof(fc.constant([]), fc.array(range, { maxLength: 3 })),
  loadBalancerIngress: fc.array(ingress, { minLength: 1, maxLength: 2 }),
}).map((fields) => sampleService(fields));

const anyNode: fc.Arbitrary<Node> = fc.record({
  zone: fc.constantFrom("", "a", "b"),
  addresses: nodeAddresses,
  name: mostly("here", "elsewhere"),
}).map(({ zone, ...fields }) => sampleNode(zone, fields));

const anyServiceCIDR: fc.Arbitrary<ServiceCIDR> = fc.record({
  kind: fc.constant("ServiceCIDR" as const),
  name: fc.constantFrom("kubernetes", "more"),
  resourceVersion: fc.constant(""),
  cidrs: fc.constantFrom(["10.96.0.0/12"], ["10.96.0.0/12", "fd00:96::/112"], ["10.112.0.0/16"]),
});

const anyObject: fc.Arbitrary<KubeObject> = fc.oneof(
  { weight: 4, arbitrary: anyService },
  { weight: 6, arbitrary: anySlice },
  { weight: 4, arbitrary: anyNode },
  { weight: 1, arbitrary: anyServiceCIDR },
);

/** A Service with slices that may be its, and a Node that may be this one. */
export interface AnyCluster {
  readonly service: Service;
  readonly slices: readonly EndpointSlice[];
  readonly node: Node;
}

/**
 * Random clusters of one Service, most of whose objects fit together.
 *
 * @returns Gives clusters.
 */
export function anyCluster(): fc.Arbitrary<AnyCluster> {
  return fc.record({
    service: anyService,
    slices: fc.array(anySlice, { maxLength: 3 }),
    node: anyNode,
  });
}

/** What happens: an object comes, changes or goes, or the proxy syncs. */
type Step = { readonly put: KubeObject } | { readonly drop: KubeObject } | "sync" | "resync";

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: anyObject.map((put) => ({ put })) },
  { weight: 2, arbitrary: anyObject.map((drop) => ({ drop })) },
  { weight: 2, arbitrary: fc.constant("sync" as const) },
  { weight: 1, arbitrary: fc.constant("resync" as const) },
);

function namespaceOf(object: KubeObject): string {
  return "namespace" in object ? object.namespace : "";
}

function keyOf(object: KubeObject): string {
  return `${object.kind} ${namespaceOf(object)}/${object.name}`;
}

function byId(one: ServicePortView, other: ServicePortView): number {
  return one.id < other.id ? -1 : 1;
}

/** What is true after a history. */
interface Outcome {
  readonly ports: readonly ServicePortView[];
  readonly health: ReadonlyMap<string, ServiceHealth>;
  readonly serviceCIDRs: readonly string[];
}

/** What a fresh start would make of the objects, by the plainest way there is. */
function fromScratch(objects: readonly KubeObject[]): Outcome {
  const here = objects.find((object): object is Node =>
    object.kind === "Node" && object.name === "here"
  );
  const node = {
    name: "here",
    zone: here?.labels[LABEL_ZONE] ?? "",
    addresses: here?.addresses ?? [],
  };
  const ports: ServicePortView[] = [];
  const health = new Map<string, ServiceHealth>();
  for (const service of objects) {
    if (service.kind !== "Service") continue;
    const slices = objects.filter((slice): slice is EndpointSlice =>
      slice.kind === "EndpointSlice" && slice.serviceName === service.name
    ).sort((one, other) => one.name < other.name ? -1 : 1);
    const resolution = resolveService(service, slices, node);
    ports.push(...resolution.views);
    if (resolution.health !== undefined) health.set(service.name, resolution.health);
  }
  const cidrs = objects.flatMap((object) => object.kind === "ServiceCIDR" ? object.cidrs : []);
  return { ports: ports.sort(byId), health, serviceCIDRs: [...new Set(cidrs)].sort() };
}

/** What a plugin knows that has been told nothing but diffs and snapshots. */
class Model {
  readonly known = new Map<string, ServicePortView>();
  #revision = 0;

  apply(diff: Diff): void {
    assert.equal(diff.from, this.#revision, "a diff starts where the plugin is");
    assert.equal(diff.to, diff.from + 1);
    this.#revision = diff.to;
    assert.deepEqual(diff.removes, [...diff.removes].sort());
    assert.deepEqual(diff.upserts, [...diff.upserts].sort(byId));
    for (const id of diff.removes) assert.ok(this.known.delete(id), `${id} was not there`);
    for (const port of diff.upserts) {
      const former = this.known.get(port.id);
      assert.ok(former === undefined || !sameView(former, port), `${port.id} has not changed`);
      this.known.set(port.id, port);
    }
  }

  /** A snapshot holds what the diffs alone would have come to, and what was absorbed for it. */
  resync({ ports, revision }: Snapshot): void {
    this.#revision = revision;
    this.known.clear();
    for (const port of ports) this.known.set(port.id, port);
  }

  get ports(): readonly ServicePortView[] {
    return [...this.known.values()].sort(byId);
  }
}

/** A proxy without kernel and clock, to which a history happens. */
class Run {
  readonly #tracker = new Tracker({ nodeName: "here", startedAt: 0 });
  readonly #revisions = new Revisions();
  readonly #model = new Model();
  readonly #objects = new Map<string, KubeObject>();
  readonly #health = new Map<string, ServiceHealth>();
  #version = 0;

  happen(step: Step): void {
    if (step === "sync") {
      const diff = this.#revisions.advance(this.#updates());
      if (diff !== undefined) this.#model.apply(diff);
      this.check();
    } else if (step === "resync") {
      this.#revisions.absorb(this.#updates());
      this.#model.resync(this.#revisions.snapshot(this.#settings));
    } else if ("put" in step) {
      const object = { ...step.put, resourceVersion: String(++this.#version) };
      this.#objects.set(keyOf(object), object);
      this.#tell({ type: "upsert", object, at: 0 });
    } else {
      const { drop } = step;
      this.#objects.delete(keyOf(drop));
      const namespace = namespaceOf(drop);
      this.#tell({ type: "remove", kind: drop.kind, namespace, name: drop.name, at: 0 });
    }
  }

  /** Compares everything with a fresh start; only right after a sync is it to be equal. */
  check(): void {
    const expected = fromScratch([...this.#objects.values()]);
    assert.deepEqual(this.#model.ports, expected.ports);
    assert.deepEqual(
      [...this.#objects.values()].flatMap((object) =>
        object.kind === "Service" ? this.#revisions.of(`${object.namespace}/${object.name}`) : []
      ).sort(byId),
      expected.ports,
    );
    assert.equal(this.#revisions.size, expected.ports.length);
    assert.deepEqual(this.#health, expected.health);
    assert.deepEqual(this.#tracker.serviceCIDRs, expected.serviceCIDRs);
    for (const family of ["IPv4", "IPv6"] as const) {
      const ports = expected.ports.filter((port) => port.family === family);
      const count = (isDropped: (port: ServicePortView) => boolean) =>
        ports.filter(isDropped).length;
      assert.equal(
        this.#revisions.dropped(family, "internal"),
        count(({ internal }) => internal === "drop"),
      );
      assert.equal(
        this.#revisions.dropped(family, "external"),
        count(({ external }) => external?.verdict === "drop"),
      );
    }
  }

  get snapshot(): Snapshot {
    return this.#revisions.snapshot(this.#settings);
  }

  get known(): readonly ServicePortView[] {
    return this.#model.ports;
  }

  get #settings(): ProxierSettings {
    return { ...SETTINGS, serviceCIDRs: this.#tracker.serviceCIDRs };
  }

  #tell(event: SourceEvent): void {
    this.#tracker.accept([event]);
  }

  #updates() {
    const { zone, addresses } = this.#tracker;
    return this.#tracker.take().services.map(({ key, service, slices }) => {
      const resolution = resolveService(service, slices, { name: "here", zone, addresses });
      this.#note(key, resolution);
      return { key, views: resolution.views };
    });
  }

  #note(key: string, { health }: Resolution): void {
    const name = key.slice(key.indexOf("/") + 1);
    if (health === undefined) this.#health.delete(name);
    else this.#health.set(name, health);
  }
}

/**
 * Lets random histories happen and compares the proxy with a fresh start after each sync of them,
 * and in the end what a plugin was told by diffs with the snapshot.
 *
 * @param seed Where randomness begins: the same seed gives the same histories.
 * @param histories How many.
 * @throws {Error} At the first difference, with the shortest history that shows it and the seed.
 */
export function checkHistories(seed: number, histories: number): void {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 60, size: "max" }), (steps) => {
      const run = new Run();
      for (const step of steps) run.happen(step);
      run.happen("sync");
      assert.deepEqual(run.snapshot.ports, run.known);
    }),
    { seed, numRuns: histories },
  );
}
