/**
 * A node that was booted with `ipv6.disable=1`, where no socket of IPv6 can be opened. The seccomp
 * filter of tests/kernel/families_test.ts stands for it on other kernels; this is the real one.
 */
import assert from "node:assert/strict";
import { sampleEndpoint, sampleNode, sampleService, sampleSlice } from "../../host/samples.ts";
import { runInside } from "../kernel/namespace_program.ts";
import { ManifestFolder } from "../kernel/manifest_folder.ts";
import { NODE_NAME } from "../kernel/program.ts";
import { taskCommand, WeirProcess } from "../kernel/weir_process.ts";
import { firstSync, OwnMachine, writeConfiguration } from "./own_machine.ts";

const NODE = "192.0.2.1";
const CLUSTER_IP = "10.96.0.1";
const HEALTH_PORT = 30_100;

/** The node, and a Service of both families whose only IPv4 endpoint it is. */
const DUAL_STACK = [
  sampleNode("", { name: NODE_NAME, addresses: [NODE] }),
  sampleService({
    type: "LoadBalancer",
    clusterIP: CLUSTER_IP,
    clusterIPs: [CLUSTER_IP, "fd00:10:96::1"],
    externalTrafficPolicy: "Local",
    healthCheckNodePort: HEALTH_PORT,
  }),
  sampleSlice([sampleEndpoint(NODE, { nodeName: NODE_NAME })]),
  sampleSlice([sampleEndpoint("fd00:10:244::1", { nodeName: NODE_NAME })], {
    name: "web-2",
    addressType: "IPv6",
  }),
];

/** The node's own address, and a way for what it sends to cluster IPs to come to its rules. */
async function network(machine: OwnMachine): Promise<void> {
  await machine.run(["ip", "address", "replace", `${NODE}/32`, "dev", "lo"]);
  await machine.run(["ip", "route", "replace", "10.96.0.0/16", "dev", "lo", "src", NODE]);
}

Deno.test("weir on a node without IPv6", async (t) => {
  using machine = OwnMachine.open();
  await network(machine);
  await using folder = await ManifestFolder.create();
  await folder.write("web.json", DUAL_STACK);
  const path = `${folder.path}/../config.json`;
  await writeConfiguration(path, { metricsBindAddress: "[::]:10249" });
  await using _backend = Deno.serve(
    { hostname: NODE, port: 8080, onListen: () => {} },
    () => new Response("served"),
  );
  await using weir = new WeirProcess(machine.namespace, {
    flags: [`--manifests=${folder.path}`, `--config=${path}`],
  });

  await t.step("serves IPv4 alone, of a Service of both families too", async () => {
    await firstSync(weir);
    const answer = await fetch(`http://${CLUSTER_IP}:80/`);
    assert.equal(await answer.text(), "served");
    const tables = await machine.run(["nft", "list", "tables"]);
    assert.equal(tables.trim(), "table ip weir");
  });

  await t.step("says so once", async () => {
    await weir.said(/^I.*"Running in single-stack mode" primary="IPv4" address="192\.0\.2\.1"/m);
    const said = weir.log.match(/"This kernel cannot serve an IP family" family="IPv6" .*$/mg) ??
      [];
    assert.equal(said.length, 1);
    assert.match(
      said[0] ?? "",
      /reason="it has no IPv6 \(EAFNOSUPPORT\): it was built without, or started with ipv6\.disable=1"$/,
    );
    assert.doesNotMatch(weir.log, /forwards no packets.*ipv6/);
  });

  await t.step("is healthy on every address of the node, and so is the Service", async () => {
    for (const ip of ["127.0.0.1", NODE]) {
      const health = await fetch(`http://${ip}:10256/healthz`);
      assert.equal(health.status, 200);
      assert.deepEqual(Object.keys((await health.json()).status), ["IPv4"]);
    }
    const service = await fetch(`http://${NODE}:${HEALTH_PORT}/`);
    assert.equal(service.status, 200);
    assert.equal((await service.json()).localEndpoints, 1);
  });

  await t.step("says of an address of IPv6 which one to give in its place", async () => {
    const errors = weir.log.match(/^E.*$/mg) ?? [];
    assert.equal(errors.length, 1, errors.join("\n"));
    assert.match(
      errors[0] ?? "",
      /Cannot bind \\"\[::\]:10249\\" for metrics: this kernel has no IPv6 .*: give --metrics-bind-address another address, 0\.0\.0\.0:10249 for every one of this node's/,
    );
  });

  await t.step("is told by weir check, to whom nothing else lacks for it", async () => {
    const { code, stdout } = await runInside(machine, [
      ...taskCommand(),
      "check",
      `--manifests=${folder.path}`,
      `--config=${path}`,
      `--hostname-override=${NODE_NAME}`,
    ]);
    assert.equal(code, 0, stdout);
    assert.match(
      stdout,
      / {2}✔ nf_tables serves IPv4\n {2}! this kernel does not serve IPv6\n {6}→ it has no IPv6 \(EAFNOSUPPORT\): it was built without, or started with ipv6\.disable=1\n/,
    );
    assert.match(stdout, / {2}- net\.ipv6\.conf\.all\.forwarding: this kernel has no IPv6\n/);
    assert.doesNotMatch(stdout, /✘/);
  });
});
