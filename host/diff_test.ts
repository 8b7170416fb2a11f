import assert from "node:assert/strict";
import type {
  EndpointView,
  ExternalView,
  ProxierSettings,
  ServicePortView,
} from "../schemas/view.ts";
import { Revisions, sameView } from "./diff.ts";

const SETTINGS: ProxierSettings = {
  families: ["IPv4", "IPv6"],
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

Deno.test("Ports whose policy is Local without a local endpoint are counted by family and policy", () => {
  const revisions = new Revisions();
  const external = { ...EXTERNAL, verdict: "drop" } as const;
  const counts = () =>
    (["IPv4", "IPv6"] as const).map((family) => [
      revisions.dropped(family, "internal"),
      revisions.dropped(family, "external"),
    ]);
  assert.deepEqual(counts(), [[0, 0], [0, 0]]);
  revisions.advance([{
    key: "k",
    views: [
      view("a", { internal: "drop" }),
      view("b", { external }),
      view("c", { internal: "drop", external, family: "IPv6" }),
      view("d", { internal: "reject", external: { ...EXTERNAL, verdict: "reject" } }),
    ],
  }]);
  assert.deepEqual(counts(), [[1, 1], [1, 1]]);
  revisions.absorb([{ key: "k", views: [view("a"), view("b", { external })] }]);
  assert.deepEqual(counts(), [[0, 1], [0, 0]]);
  revisions.advance([{ key: "k", views: [] }]);
  assert.deepEqual(counts(), [[0, 0], [0, 0]]);
});

Deno.test("Whoever must know what was is told of every port that changes or goes, by a diff or not", () => {
  const replaced: string[] = [];
  const revisions = new Revisions((before, now) => {
    const [was, is] = [before.clusterIP, now?.clusterIP ?? "gone"];
    replaced.push(`${before.id}: ${was} is ${is}`);
  });
  const key = "default/web";
  const [one, other] = [view("a"), view("b")];
  revisions.advance([{ key, views: [one, other] }]);
  assert.deepEqual(replaced, [], "what is new replaces nothing");
  revisions.advance([{ key, views: [{ ...one }, other] }]);
  assert.deepEqual(replaced, [], "what is equal has not changed");
  revisions.advance([{ key, views: [view("a", { clusterIP: "10.96.0.2" }), other] }]);
  revisions.absorb([{ key, views: [other] }]);
  revisions.advance([{ key, views: [] }]);
  assert.deepEqual(replaced, [
    "a: 10.96.0.1 is 10.96.0.2",
    "a: 10.96.0.2 is gone",
    "b: 10.96.0.1 is gone",
  ]);
});

Deno.test("A service port is found by its id, and all can be gone through", () => {
  const revisions = new Revisions();
  const ids = ["default/web:http/TCP/IPv4", "default/web:http/UDP/IPv4"];
  revisions.absorb([
    { key: "default/web", views: ids.map((id) => view(id)) },
    { key: "default/api", views: [view("default/api/TCP/IPv4")] },
  ]);
  for (const id of [...ids, "default/api/TCP/IPv4"]) assert.equal(revisions.find(id)?.id, id);
  for (const id of ["default/web", "default/web:http/TCP/IPv6", "default/db/TCP/IPv4", "", "/"]) {
    assert.equal(revisions.find(id), undefined, id);
  }
  assert.equal([...revisions.all()].length, 3);
});
