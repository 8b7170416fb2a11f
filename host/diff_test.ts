import assert from "node:assert/strict";
import fc from "fast-check";
import type { EndpointSlice, KubeObject, Protocol, Service, SourceEvent } from "../schemas/kube.ts";
import type {
  Diff,
  EndpointView,
  ExternalView,
  ProxierSettings,
  ServicePortView,
} from "../schemas/view.ts";
import { Revisions, sameView } from "./diff.ts";
import { resolveService } from "./resolver/resolve.ts";
import { sampleEndpoint, sampleNode, sampleService, sampleSlice } from "./samples.ts";
import { Tracker } from "./tracker.ts";

const SETTINGS: ProxierSettings = {
  masqueradeAll: false,
  masqueradeBit: 14,
  localMatches: [],
  nodePorts: { type: "listed", addresses: [] },
  serviceCIDRs: [],
};

const EXTERNAL: ExternalView = {
  verdict: "cluster",
  externalIPs: [],
  loadBalancerIPs: ["192.0.2.8"],
  loadBalancerSources: ["10.0.0.0/8"],
  nodePort: 30_080,
};

function endpoint(ip: string, fields: Partial<EndpointView> = {}): EndpointView {
  return { ip, port: 80, local: false, inCluster: true, inLocal: false, ...fields };
}

function view(id: string, fields: Partial<ServicePortView> = {}): ServicePortView {
  return {
    id,
    namespace: "default",
    name: "web",
    portName: "",
    protocol: "TCP",
    family: "IPv4",
    clusterIP: "10.96.0.1",
    port: 80,
    internal: "cluster",
    affinitySeconds: 0,
    endpoints: [endpoint("10.0.0.1")],
    ...fields,
  };
}

Deno.test("The first revision upserts everything, sorted by id over all Services", () => {
  const revisions = new Revisions();
  const diff = revisions.advance([
    { key: "default/web", views: [view("c"), view("d")] },
    { key: "default/api", views: [view("a"), view("e")] },
  ]);
  assert.deepEqual(diff?.upserts.map(({ id }) => id), ["a", "c", "d", "e"]);
  assert.deepEqual({ ...diff, upserts: [] }, { from: 0, to: 1, upserts: [], removes: [] });
  assert.equal(revisions.size, 4);
});

Deno.test("Equal views make no revision, and the plugin is not called", () => {
  const revisions = new Revisions();
  revisions.advance([{ key: "k", views: [view("a")] }]);
  assert.equal(revisions.advance([{ key: "k", views: [view("a")] }]), undefined);
  assert.equal(revisions.advance([{ key: "unknown", views: [] }]), undefined);
  assert.equal(revisions.advance([]), undefined);
  assert.equal(revisions.revision, 1);
});

const changes: readonly [field: string, fields: Partial<ServicePortView>][] = [
  ["namespace", { namespace: "other" }],
  ["name", { name: "other" }],
  ["portName", { portName: "http" }],
  ["protocol", { protocol: "UDP" }],
  ["family", { family: "IPv6" }],
  ["clusterIP", { clusterIP: "10.96.0.2" }],
  ["port", { port: 81 }],
  ["internal", { internal: "drop" }],
  ["affinitySeconds", { affinitySeconds: 10_800 }],
  ["external", { external: { ...EXTERNAL, nodePort: 30_081 } }],
  ["endpoints", { endpoints: [] }],
  ["endpoint's ip", { endpoints: [endpoint("10.0.0.2")] }],
  ["endpoint's port", { endpoints: [endpoint("10.0.0.1", { port: 81 })] }],
  ["endpoint's local", { endpoints: [endpoint("10.0.0.1", { local: true })] }],
  ["endpoint's inCluster", { endpoints: [endpoint("10.0.0.1", { inCluster: false })] }],
  ["endpoint's inLocal", { endpoints: [endpoint("10.0.0.1", { inLocal: true })] }],
  ["number of endpoints", { endpoints: [endpoint("10.0.0.1"), endpoint("10.0.0.2")] }],
];
for (
  const [field, fields] of [
    ["verdict", { verdict: "drop" }],
    ["external IPs", { externalIPs: ["192.0.2.7"] }],
    ["load balancer's IPs", { loadBalancerIPs: [] }],
    ["load balancer's sources", { loadBalancerSources: [] }],
    ["node port", { nodePort: 0 }],
  ] as const
) {
  Deno.test(`Service ports that differ in the ${field} only are not the same`, () => {
    const one = view("a", { external: EXTERNAL });
    assert.ok(sameView(one, view("a", { external: { ...EXTERNAL } })));
    assert.ok(!sameView(one, view("a", { external: { ...EXTERNAL, ...fields } })));
    assert.ok(!sameView(one, view("a")));
  });
}

for (const [field, fields] of changes) {
  Deno.test(`A change of a service port's ${field} is an upsert of the whole service port`, () => {
    const revisions = new Revisions();
    revisions.advance([{ key: "k", views: [view("a"), view("b")] }]);
    const changed = view("a", fields);
    assert.deepEqual(revisions.advance([{ key: "k", views: [changed, view("b")] }]), {
      from: 1,
      to: 2,
      upserts: [changed],
      removes: [],
    });
  });
}

Deno.test("The table of changes above covers every field of a view and of an endpoint", () => {
  const fields = new Set(changes.flatMap(([, change]) => Object.keys(change)));
  assert.deepEqual([...fields, "id"].sort(), Object.keys(view("a", { external: EXTERNAL })).sort());
  const named = changes.flatMap(([field]) => field.match(/^endpoint's (\w+)$/)?.slice(1) ?? []);
  assert.deepEqual(named.sort(), Object.keys(endpoint("10.0.0.1")).sort());
});

Deno.test("Ports that are gone are removed, sorted, whether their Service stays or not", () => {
  const revisions = new Revisions();
  revisions.advance([
    { key: "k", views: [view("b"), view("d"), view("e")] },
    { key: "l", views: [view("c")] },
  ]);
  const diff = revisions.advance([
    { key: "k", views: [view("a"), view("d")] },
    { key: "l", views: [] },
  ]);
  assert.deepEqual(diff?.removes, ["b", "c", "e"]);
  assert.deepEqual(diff?.upserts.map(({ id }) => id), ["a"]);
  assert.equal(revisions.size, 2);
  assert.deepEqual(revisions.of("l"), []);
});

Deno.test("A snapshot is a revision of its own and tells what was absorbed without a diff", () => {
  const revisions = new Revisions();
  revisions.advance([{ key: "k", views: [view("b")] }]);
  revisions.absorb([{ key: "l", views: [view("a")] }, { key: "k", views: [] }]);
  const snapshot = revisions.snapshot(SETTINGS);
  assert.deepEqual(snapshot, { revision: 2, settings: SETTINGS, ports: [view("a")] });
  const diff = revisions.advance([{ key: "k", views: [view("c")] }]);
  assert.deepEqual([diff?.from, diff?.to], [2, 3]);
});

Deno.test("A revision that was handed out does not change with the next, and equal views are kept once", () => {
  const revisions = new Revisions();
  const first = view("a");
  revisions.advance([{ key: "k", views: [first] }]);
  const { ports } = revisions.snapshot(SETTINGS);
  revisions.advance([{ key: "k", views: [view("a"), view("b")] }]);
  assert.deepEqual(ports, [view("a")]);
  assert.equal(revisions.of("k")[0], first);
});

// The whole middle of the flow: any history of events leads to what its outcome leads to.

// Most objects fit together: only then does the order of their coming make a difference.
const mostly = <Value>(value: Value, ...others: Value[]): fc.Arbitrary<Value> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constant(value) },
    ...others.map((other) => ({ weight: 1, arbitrary: fc.constant(other) })),
  );
const zone = fc.constantFrom("", "a", "b");
const arbitraryEndpoint = fc.record({
  address: fc.oneof(
    { weight: 12, arbitrary: fc.nat({ max: 3 }).map((last) => `10.0.0.${last}`) },
    { weight: 1, arbitrary: fc.string() },
  ),
  ready: mostly(true, false),
  serving: fc.boolean(),
  terminating: mostly(false, true),
  nodeName: fc.constantFrom("", "here", "elsewhere"),
  hintZones: fc.constantFrom(["a"], ["a"], ["b"], ["b"], ["a", "b"], []),
  hintNodes: fc.constantFrom<string[]>([], [], [], ["here"], ["elsewhere"]),
}).map(({ address, ...fields }) => sampleEndpoint(address, fields));
const name = fc.constantFrom("web", "api");
const portName = mostly("http", "");
const protocol = mostly<Protocol>("TCP", "UDP");
const arbitrarySlice: fc.Arbitrary<EndpointSlice> = fc.record({
  name: fc.constantFrom("s1", "s2", "s3"),
  serviceName: fc.oneof({ weight: 6, arbitrary: name }, { weight: 1, arbitrary: fc.constant("") }),
  addressType: mostly<EndpointSlice["addressType"]>("IPv4", "IPv6", "FQDN"),
  endpoints: fc.array(arbitraryEndpoint, { minLength: 1, maxLength: 4 }),
  ports: fc.array(
    fc.record({ name: portName, protocol, port: mostly(8080, 0, 80) }),
    { minLength: 1, maxLength: 2 },
  ),
}).map(({ endpoints, ...fields }) => sampleSlice(endpoints, fields));
const arbitraryService: fc.Arbitrary<Service> = fc.record({
  name,
  clusterIPs: fc.constantFrom(["10.96.0.1"], ["10.96.0.1", "fd00::1"], ["10.96.0.2"]),
  clusterIP: mostly("10.96.0.1", "None"),
  internalTrafficPolicy: mostly<Service["internalTrafficPolicy"]>("Cluster", "Local"),
  ports: fc.array(
    fc.record({ name: portName, protocol, port: mostly(80, 0, 81), nodePort: fc.constant(0) }),
    { minLength: 1, maxLength: 3 },
  ),
}).map((fields) => sampleService(fields));
const arbitraryObject: fc.Arbitrary<KubeObject> = fc.oneof(
  arbitraryService,
  arbitrarySlice,
  arbitrarySlice,
  zone.map((name) => sampleNode(name)),
);
type Step = { readonly put: KubeObject } | { readonly drop: KubeObject } | "sync" | "resync";
const arbitraryStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: arbitraryObject.map((put) => ({ put })) },
  { weight: 2, arbitrary: arbitraryObject.map((drop) => ({ drop })) },
  { weight: 2, arbitrary: fc.constant("sync" as const) },
  { weight: 1, arbitrary: fc.constant("resync" as const) },
);

function keyOf(object: KubeObject): string {
  return object.kind === "Node" ? "Node" : `${object.kind} ${object.namespace}/${object.name}`;
}

/** What a fresh start would make of the objects, by the plainest way there is. */
function fromScratch(objects: readonly KubeObject[]): ServicePortView[] {
  const node = objects.find((object) => object.kind === "Node");
  return objects.flatMap((service) => {
    if (service.kind !== "Service") return [];
    const slices = objects.filter((slice): slice is EndpointSlice =>
      slice.kind === "EndpointSlice" && slice.serviceName === service.name
    ).sort((one, other) => one.name < other.name ? -1 : 1);
    const zone = node?.labels["topology.kubernetes.io/zone"] ?? "";
    return resolveService(service, slices, { name: "here", zone }).views;
  }).sort((one, other) => one.id < other.id ? -1 : 1);
}

/** What a plugin knows that has been told nothing but diffs and snapshots. */
class Mirror {
  readonly known = new Map<string, ServicePortView>();
  #revision = 0;

  apply(diff: Diff): void {
    assert.equal(diff.from, this.#revision, "a diff starts where the plugin is");
    this.#revision = diff.to;
    for (const id of diff.removes) assert.ok(this.known.delete(id), `${id} was not there`);
    for (const port of diff.upserts) {
      const former = this.known.get(port.id);
      assert.ok(former === undefined || !sameView(former, port), `${port.id} has not changed`);
      this.known.set(port.id, port);
    }
  }

  resync(ports: readonly ServicePortView[], revision: number): void {
    this.#revision = revision;
    this.known.clear();
    for (const port of ports) this.known.set(port.id, port);
  }
}

Deno.test("Whatever happens in whatever order, a plugin ends up knowing what a fresh start would tell it", () => {
  fc.assert(
    fc.property(fc.array(arbitraryStep, { maxLength: 60 }), (steps) => {
      const tracker = new Tracker({ nodeName: "here", startedAt: 0 });
      const revisions = new Revisions();
      const mirror = new Mirror();
      const objects = new Map<string, KubeObject>();
      let version = 0;
      const updates = () =>
        tracker.take().services.map(({ key, service, slices }) => {
          const node = { name: "here", zone: tracker.zone };
          return { key, views: resolveService(service, slices, node).views };
        });
      const sync = () => {
        const diff = revisions.advance(updates());
        if (diff !== undefined) mirror.apply(diff);
      };
      for (const step of [...steps, "sync" as const]) {
        if (step === "sync") sync();
        else if (step === "resync") {
          revisions.absorb(updates());
          const { ports, revision } = revisions.snapshot(SETTINGS);
          mirror.resync(ports, revision);
        } else if ("put" in step) {
          const object = { ...step.put, resourceVersion: String(++version) };
          objects.set(keyOf(object), object);
          tracker.accept([{ type: "upsert", object, at: 0 }]);
        } else {
          const { drop } = step;
          objects.delete(keyOf(drop));
          const namespace = drop.kind === "Node" ? "" : drop.namespace;
          const event: SourceEvent = {
            type: "remove",
            kind: drop.kind,
            namespace,
            name: drop.name,
            at: 0,
          };
          tracker.accept([event]);
        }
      }
      const expected = fromScratch([...objects.values()]);
      const known = [...mirror.known.values()].sort((one, other) => one.id < other.id ? -1 : 1);
      assert.deepEqual(known, expected);
      assert.deepEqual(revisions.snapshot(SETTINGS).ports, expected);
      assert.equal(revisions.size, expected.length);
    }),
    { seed: 20, numRuns: 1_000 },
  );
});
