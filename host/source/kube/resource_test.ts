import assert from "node:assert/strict";
import { Scene } from "./source_scene.ts";

const RANGES = "/apis/networking.k8s.io/v1/servicecidrs";

Deno.test("ServiceCIDRs are listed and watched like the other kinds", async () => {
  await using scene = await Scene.open();
  const ranges = (name: string, ...cidrs: string[]) =>
    scene.server.store.apply("ServiceCIDR", { metadata: { name }, spec: { cidrs } });
  ranges("kubernetes", "10.96.0.1/12", "FD00:96::/112");
  await scene.run().settled();
  ranges("more", "10.112.0.0/16");
  scene.server.store.remove("ServiceCIDR", "", "more");
  await scene.until(() => scene.told("ServiceCIDR").length === 4, "two changes");
  assert.deepEqual(scene.told("ServiceCIDR"), [
    "upsert kubernetes",
    "synced",
    "upsert more",
    "remove more",
  ]);
  const [first] = scene.events.flatMap((event) =>
    event.type === "upsert" && event.object.kind === "ServiceCIDR" ? [event.object] : []
  );
  assert.deepEqual(first, {
    kind: "ServiceCIDR",
    name: "kubernetes",
    resourceVersion: "2",
    cidrs: ["10.96.0.0/12", "fd00:96::/112"],
  });
});

const withheld: readonly [status: 403 | 404, remedy: RegExp][] = [
  [404, /Kubernetes 1\.33 or later has servicecidrs/],
  [403, /verbs list and watch on servicecidrs of the API group networking\.k8s\.io/],
];
for (const [status, remedy] of withheld) {
  Deno.test(`an API server that answers ${status} for ServiceCIDRs is asked again now and then, and the rest goes on`, async () => {
    await using scene = await Scene.open();
    scene.service("web");
    scene.server.store.apply("ServiceCIDR", {
      metadata: { name: "kubernetes" },
      spec: { cidrs: ["10.96.0.0/12"] },
    });
    scene.server.fail({ status, plural: "servicecidrs" });
    scene.run();
    await scene.until(() => scene.server.watches === 3, "three watches");
    assert.deepEqual(scene.told("Service"), ["upsert web", "synced"]);
    for (let step = 0; step < 24; step++) {
      await scene.quiet();
      await scene.clock.advance(150_000);
    }
    assert.deepEqual(scene.warnings(), []);
    const lists = scene.requests(RANGES, "list").length;
    assert.ok(lists >= 8 && lists <= 13, `${lists} lists in an hour`);
    const lines = scene.lines.filter(({ message }) => message.includes("servicecidrs"));
    assert.equal(lines.length, 1);
    assert.equal(lines[0]?.level, "info");
    assert.match(String(lines[0]?.fields["remedy"]), remedy);
    assert.match(String(lines[0]?.fields["effect"]), /are not dropped/);
    // After an upgrade, or when somebody has allowed it.
    scene.server.fail(undefined);
    await scene.clock.advance(300_000);
    await scene.until(() => scene.told("ServiceCIDR").includes("upsert kubernetes"), "the ranges");
  });
}
