import assert from "node:assert/strict";
import type { EndpointView, ServicePortView, Verdict } from "../../schemas/view.ts";
import { Targets, targetsOf } from "./targets.ts";

function endpoint(ip: string, inCluster: boolean, inLocal: boolean): EndpointView {
  return { ip, port: 8080, local: inLocal, inCluster, inLocal };
}

const ENDPOINTS = [
  endpoint("10.0.0.1", true, true),
  endpoint("10.0.0.2", true, false),
  endpoint("10.0.0.3", false, true),
];

function view(verdict: Verdict, affinitySeconds = 0, endpoints = ENDPOINTS): ServicePortView {
  return {
    id: "default/web/TCP/IPv4",
    namespace: "default",
    name: "web",
    portName: "",
    protocol: "TCP",
    family: "IPv4",
    clusterIP: "10.96.0.1",
    port: 80,
    internal: "cluster",
    external: { verdict, externalIPs: [], loadBalancerIPs: [], nodePort: 30080 },
    affinitySeconds,
    endpoints,
  };
}

for (
  const [verdict, ips] of [
    ["cluster", ["10.0.0.1", "10.0.0.2"]],
    ["local", ["10.0.0.1", "10.0.0.3"]],
    ["drop", []],
    ["reject", []],
  ] as const
) {
  Deno.test(`with the verdict ${verdict} loopback is served by ${ips.length} endpoints`, () => {
    assert.deepEqual(targetsOf(view(verdict)).map(({ ip }) => ip), ips);
  });
}

function stage(affinitySeconds: number) {
  const clock = { now: 0, roll: 0 };
  const targets = new Targets({ now: () => clock.now, random: () => clock.roll });
  targets.update(view("cluster", affinitySeconds));
  return { clock, targets };
}

Deno.test("without affinity each connection is dealt anew", () => {
  const { clock, targets } = stage(0);
  assert.equal(targets.choose()?.ip, "10.0.0.1");
  clock.roll = 0.99;
  assert.equal(targets.choose()?.ip, "10.0.0.2");
});

Deno.test("with affinity connections follow the last one, as long as they come in time", () => {
  const { clock, targets } = stage(10);
  assert.equal(targets.choose()?.ip, "10.0.0.1");
  clock.roll = 0.99;
  clock.now = 9_999;
  assert.equal(targets.choose()?.ip, "10.0.0.1");
  clock.now += 9_999;
  assert.equal(targets.choose()?.ip, "10.0.0.1");
  clock.now += 10_000;
  assert.equal(targets.choose()?.ip, "10.0.0.2");
});

Deno.test("an endpoint that is gone, or did not answer, loses its clients", () => {
  const { clock, targets } = stage(10);
  const first = targets.choose();
  assert.ok(first);
  assert.equal(targets.choose([first])?.ip, "10.0.0.2");
  assert.equal(targets.choose()?.ip, "10.0.0.2");
  targets.update(view("cluster", 10, ENDPOINTS.slice(0, 1)));
  clock.roll = 0.5;
  assert.equal(targets.choose()?.ip, "10.0.0.1");
  assert.equal(targets.choose([first]), undefined);
  targets.update(undefined);
  assert.equal(targets.size, 0);
  assert.equal(targets.choose(), undefined);
});
