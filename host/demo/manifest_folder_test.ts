import assert from "node:assert/strict";
import { Endpoints, readService } from "./manifest_folder.ts";

const folder = new URL("../../examples/demo/", import.meta.url);
const read = (name: string) => Deno.readTextFileSync(new URL(name, folder));

Deno.test("the examples have a dual-stack Service with three ready pods of four", () => {
  assert.deepEqual(readService(read("echo.yaml")).clusterIPs, ["10.96.0.10", "fd00:10:96::a"]);
  assert.deepEqual(readService(read("empty.yaml")).ports.map(({ protocol }) => protocol), [
    "TCP",
    "UDP",
  ]);
  const endpoints = new Endpoints(read("echo-endpoints.yaml"));
  assert.equal(endpoints.port, 8080);
  assert.deepEqual(endpoints.pods[0], {
    name: "echo-1",
    addresses: ["10.244.0.11", "fd00:10:244::11"],
    ready: true,
  });
  assert.deepEqual(endpoints.pods.map(({ ready }) => ready), [true, true, true, false]);
});

Deno.test("a scaled manifest has exactly the named pods, all ready, in both families", () => {
  const scaled = new Endpoints(read("echo-endpoints.yaml")).scaled(["echo-1", "echo-4"]);
  const endpoints = new Endpoints(scaled);
  assert.deepEqual(endpoints.pods, [
    { name: "echo-1", addresses: ["10.244.0.11", "fd00:10:244::11"], ready: true },
    { name: "echo-4", addresses: ["10.244.0.14", "fd00:10:244::14"], ready: true },
  ]);
  assert.equal(endpoints.port, 8080);
  assert.match(scaled, /kubernetes\.io\/service-name: echo/);
});

Deno.test("a manifest of another kind is refused", () => {
  assert.throws(() => new Endpoints(read("echo.yaml")), { name: "ValiError" });
  assert.throws(() => readService(read("node.yaml")), { name: "ValiError" });
});
