/**
 * weir as a process among others: one at a time in a network namespace, with what it is allowed.
 */
import assert from "node:assert/strict";
import { NetworkNamespace } from "../../host/capabilities/namespace.ts";
import { sampleService } from "../../host/samples.ts";
import { ManifestFolder } from "./manifest_folder.ts";
import { nft } from "./namespace_program.ts";
import { WeirProcess } from "./weir_process.ts";

Deno.test("a second weir in the same network namespace is refused by the first one's process id", async () => {
  using namespace = NetworkNamespace.create("node");
  await using folder = await ManifestFolder.create();
  await folder.write("web.json", [sampleService()]);
  const flags = [`--manifests=${folder.path}`];
  await using first = new WeirProcess(namespace, { flags });
  await first.said(/"Synced" kind="full"/);
  const rules = await nft({ namespace }, "list ruleset");
  await using second = new WeirProcess(namespace, { flags });
  const { code, log } = await second.ended();
  assert.equal(code, 1, log);
  assert.match(
    log,
    new RegExp(
      `^weir: Cannot start weir "in this network namespace": process ${first.pid} is a weir that ` +
        "works here; stop it first, or give this one a network namespace of its own " +
        "\\(WEIR_RUNNING\\)$",
      "m",
    ),
  );
  assert.doesNotMatch(first.log, /Somebody else changed the rules/);
  assert.equal(await nft({ namespace }, "list ruleset"), rules, "the rules are as they were");
});

Deno.test("a weir that a supervisor starts while the last one still stops takes its place", async () => {
  using namespace = NetworkNamespace.create("node");
  await using folder = await ManifestFolder.create();
  await folder.write("web.json", [sampleService()]);
  const flags = [`--manifests=${folder.path}`];
  await using last = new WeirProcess(namespace, { flags });
  await last.said(/"Synced" kind="full"/);
  await using next = new WeirProcess(namespace, { flags });
  await next.said(/"Waiting for another weir to end" holder=\d+/);
  last.kill("SIGTERM");
  assert.equal((await last.ended()).code, 0);
  await next.said(/"Synced" kind="full"/);
});
