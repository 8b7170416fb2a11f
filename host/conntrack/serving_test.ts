import assert from "node:assert/strict";
import { sampleEndpoint, sampleSlice } from "../samples.ts";
import { samplePort } from "./sample.ts";
import { servingEndpoints } from "./serving.ts";

Deno.test("Endpoints that serve still answer, terminating or not; others and other ports do not", () => {
  const slice = sampleSlice([
    sampleEndpoint("10.244.0.1"),
    sampleEndpoint("10.244.0.2", { ready: false, terminating: true }),
    sampleEndpoint("10.244.0.3", { ready: false, serving: false, terminating: true }),
    sampleEndpoint("10.244.0.4", { ready: false, serving: false }),
  ], {
    ports: [
      { name: "dns", protocol: "UDP", port: 5353 },
      { name: "dns-tcp", protocol: "TCP", port: 5354 },
    ],
  });
  assert.deepEqual(
    servingEndpoints([slice], samplePort()).map(({ ip, port }) => `${ip}:${port}`),
    ["10.244.0.1:5353", "10.244.0.2:5353"],
  );
});
