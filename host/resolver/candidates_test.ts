import assert from "node:assert/strict";
import type { EndpointSlice } from "../../schemas/kube.ts";
import { sampleEndpoint, sampleSlice } from "../samples.ts";
import { gatherCandidates } from "./candidates.ts";
import type { Problem } from "./problem.ts";

const HTTP = { name: "http", protocol: "TCP" } as const;

function gather(slices: readonly EndpointSlice[], port: Parameters<typeof gatherCandidates>[1]) {
  const problems: Problem[] = [];
  const found = gatherCandidates(slices, port, "IPv4", problems);
  return { found, addresses: found.map(({ ip, port }) => `${ip}:${port}`), problems };
}

Deno.test("Endpoints of several slices come together, sorted, each slice with its own port", () => {
  const { addresses, problems } = gather([
    sampleSlice([sampleEndpoint("10.0.0.3"), sampleEndpoint("10.0.0.1")]),
    sampleSlice([sampleEndpoint("10.0.0.2"), sampleEndpoint("10.0.0.1")], {
      name: "web-2",
      ports: [{ name: "http", protocol: "TCP", port: 9090 }],
    }),
  ], HTTP);
  assert.deepEqual(addresses, ["10.0.0.1:8080", "10.0.0.1:9090", "10.0.0.2:9090", "10.0.0.3:8080"]);
  assert.deepEqual(problems, []);
});

Deno.test("Only ports of the same name and protocol and slices of the family are read", () => {
  const slices = [
    sampleSlice([sampleEndpoint("10.0.0.1")], {
      ports: [
        { name: "http", protocol: "UDP", port: 1 },
        { name: "", protocol: "TCP", port: 2 },
        { name: "http", protocol: "TCP", port: 0 },
      ],
    }),
    sampleSlice([sampleEndpoint("fd00::1")], { name: "web-6", addressType: "IPv6" }),
    sampleSlice([sampleEndpoint("web.example")], { name: "web-fqdn", addressType: "FQDN" }),
  ];
  assert.deepEqual(gather(slices, HTTP), { found: [], addresses: [], problems: [] });
  assert.deepEqual(gather(slices, { name: "", protocol: "TCP" }).addresses, ["10.0.0.1:2"]);
});

const twins: readonly [name: string, better: Parameters<typeof sampleEndpoint>[1]][] = [
  ["a running one before a terminating one", { ready: false, serving: false }],
  ["a ready one before an unready one", { ready: true, serving: true, terminating: false }],
];
for (const [name, better] of twins) {
  Deno.test(`Of two endpoints with one address, ${name}, in whatever order they come`, () => {
    const worse = name.includes("terminating")
      ? { ready: true, serving: true, terminating: true }
      : { ready: false, serving: true, terminating: false };
    const good = sampleEndpoint("10.0.0.1", { ...better, nodeName: "new" });
    const bad = sampleEndpoint("10.0.0.1", { ...worse, nodeName: "old" });
    for (const order of [[good, bad], [bad, good]]) {
      const slices = order.map((endpoint, index) =>
        sampleSlice([endpoint], { name: `web-${index}` })
      );
      assert.deepEqual(gather(slices, HTTP).found.map(({ endpoint }) => endpoint.nodeName), [
        "new",
      ]);
      assert.deepEqual(gather([sampleSlice(order)], HTTP).found.length, 1);
    }
  });
}

Deno.test("What is no address of the family is told of with its path, and the rest is used", () => {
  const { addresses, problems } = gather([
    sampleSlice([
      sampleEndpoint("10.0.0.300"),
      sampleEndpoint("10.0.0.2"),
      sampleEndpoint("fd00::1"),
      { ...sampleEndpoint(""), addresses: [] },
    ]),
    sampleSlice([sampleEndpoint("10.0.0.4")], {
      name: "web-2",
      ports: [
        { name: "http", protocol: "TCP", port: 70_000 },
        { name: "http", protocol: "QUIC", port: 80 },
      ],
    }),
  ], HTTP);
  assert.deepEqual(addresses, ["10.0.0.2:8080"]);
  assert.deepEqual(problems.map(({ object, path, message }) => `${object} ${path} ${message}`), [
    'EndpointSlice default/web-1 endpoints[0].addresses[0] Cannot program "10.0.0.300": it is no IPv4 address',
    'EndpointSlice default/web-1 endpoints[2].addresses[0] Cannot program "fd00::1": it is no IPv4 address',
    'EndpointSlice default/web-1 endpoints[3].addresses[0] Cannot program "": it is no IPv4 address',
    'EndpointSlice default/web-2 ports[0].port Cannot program "70000": a port is 1–65535',
    'EndpointSlice default/web-2 ports[1].protocol Cannot program "QUIC": it is none of TCP, UDP and SCTP',
  ]);
});

Deno.test("Only the first address of an endpoint is used: the others are the same endpoint", () => {
  const endpoint = { ...sampleEndpoint("10.0.0.1"), addresses: ["10.0.0.1", "10.0.0.2"] };
  assert.deepEqual(gather([sampleSlice([endpoint])], HTTP).addresses, ["10.0.0.1:8080"]);
});
