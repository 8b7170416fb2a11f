import assert from "node:assert/strict";
import fc from "fast-check";
import type { ServicePortView } from "../../schemas/view.ts";
import { sameView } from "../diff.ts";
import { anyCluster } from "../histories.ts";
import { resolveService } from "../resolver/resolve.ts";
import { sampleEndpoint, sampleService, sampleSlice } from "../samples.ts";
import { compareViews } from "./view_changes.ts";

const HERE = { name: "here", zone: "", addresses: [] };

function views(...resolved: Parameters<typeof resolveService>[]): Map<string, ServicePortView> {
  return new Map(
    resolved.flatMap((call) => resolveService(...call).views.map((view) => [view.id, view])),
  );
}

Deno.test("what comes, changes and goes is told line by line", () => {
  const nodePort = {
    type: "NodePort",
    ports: [
      { name: "http", protocol: "TCP", port: 80, nodePort: 30_080 },
    ],
  } as const;
  const before = views(
    [
      sampleService(),
      [sampleSlice([sampleEndpoint("10.0.0.1"), sampleEndpoint("10.0.0.2")])],
      HERE,
    ],
    [sampleService({ name: "gone" }), [], HERE],
  );
  const after = views(
    [
      sampleService({ ...nodePort, affinityTimeoutSeconds: 60 }),
      [sampleSlice([sampleEndpoint("10.0.0.2"), sampleEndpoint("10.0.0.3")])],
      HERE,
    ],
    [sampleService({ name: "new", clusterIP: "10.96.0.9" }), [], HERE],
  );
  assert.deepEqual(compareViews(before, after), [
    { id: "default/gone:http/TCP/IPv4", type: "removed", details: [] },
    {
      id: "default/new:http/TCP/IPv4",
      type: "added",
      details: ["+ cluster IP 10.96.0.9:80 (reject)"],
    },
    {
      id: "default/web:http/TCP/IPv4",
      type: "changed",
      details: [
        "~ affinity seconds: 0 → 60",
        "+ node port 30080",
        "- endpoint 10.0.0.1:8080 (cluster)",
        "+ endpoint 10.0.0.3:8080 (cluster)",
      ],
    },
  ]);
});

Deno.test("of any two clusters exactly what a plugin could tell apart is told, with a line of what", () => {
  fc.assert(
    fc.property(anyCluster(), anyCluster(), (one, other) => {
      const before = views([one.service, one.slices, HERE]);
      const after = views([other.service, other.slices, HERE]);
      const told = compareViews(before, after);
      const ids = [...new Set([...before.keys(), ...after.keys()])].filter((id) => {
        const [had, has] = [before.get(id), after.get(id)];
        return had === undefined || has === undefined || !sameView(had, has);
      });
      assert.deepEqual(told.map(({ id }) => id), ids.sort());
      for (const { type, details } of told) assert.ok(type === "removed" || details.length > 0);
    }),
    { seed: 5, numRuns: 500 },
  );
});
