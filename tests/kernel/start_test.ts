/**
 * How weir starts where something is missing: it says what, and what helps.
 */
import assert from "node:assert/strict";
import { NetworkNamespace } from "../../host/capabilities/namespace.ts";
import { sampleService } from "../../host/samples.ts";
import { ManifestFolder } from "./manifest_folder.ts";
import { nft } from "./namespace_program.ts";
import { until } from "./patience.ts";
import { WeirProcess } from "./weir_process.ts";

/** Takes every capability away for good, as a container without privileges has it. */
const POWERLESS = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "--"];

const FAILURES = [
  [
    "without CAP_NET_ADMIN",
    POWERLESS,
    [],
    /^weir: Cannot open nftables "of this network namespace": .*EPERM; run weir as root or with CAP_NET_ADMIN \(WEIR_NETLINK\)$/m,
  ],
  [
    "with a proxier that is not there",
    [],
    ["--proxy-mode=/nowhere/plugin.ts"],
    /^weir: Cannot (?:load|bundle) plugin "file:\/\/\/nowhere\/plugin\.ts": .*Module not found.* \(WEIR_PLUGIN_LOAD\)$/m,
  ],
  [
    "with a proxier from the network that is not pinned",
    [],
    ["--proxy-mode=https://192.0.2.1/plugin.js"],
    /^weir: Cannot use --proxy-mode .*: a plugin from the network needs #sha256=.* \(WEIR_CONFIG_INVALID\)$/m,
  ],
] as const;

for (const [sentence, before, flags, says] of FAILURES) {
  Deno.test(`weir ${sentence} does not start and says why`, async () => {
    using namespace = NetworkNamespace.create("node");
    await using folder = await ManifestFolder.create();
    await using weir = new WeirProcess(namespace, {
      before,
      flags: [`--manifests=${folder.path}`, ...flags],
    });
    const { code, log } = await weir.ended();
    assert.notEqual(code, 0);
    assert.match(log, says);
    assert.doesNotMatch(log, /^ +at /m, "a message, not a stack");
  });
}

Deno.test("a manifests folder that is missing is waited for, said once, and read when it comes", async () => {
  using namespace = NetworkNamespace.create("node");
  await using folder = await ManifestFolder.create();
  await Deno.remove(folder.path);
  await nft({ namespace }, "add table ip weir");
  const rules = await nft({ namespace }, "list ruleset");
  await using weir = new WeirProcess(namespace, { flags: [`--manifests=${folder.path}`] });
  await weir.said(/^E.*Cannot read manifests folder .*: No such file or directory/m);
  await weir.said(/"Told local traffic by"/);
  assert.equal(await nft({ namespace }, "list ruleset"), rules, "nothing is programmed yet");
  await Deno.mkdir(folder.path);
  await folder.write("web.json", [sampleService()]);
  await weir.said(/"Synced" kind="full" revision=1 ports=1/);
  await until(
    "the Service in the kernel",
    async () => (await nft({ namespace }, "list ruleset")).includes("10.96.0.1"),
  );
  assert.equal(weir.log.split("Cannot read manifests folder").length, 2);
});

Deno.test("a plugin that is no proxier is refused, and its sandbox is not started again", async () => {
  using namespace = NetworkNamespace.create("node");
  await using folder = await ManifestFolder.create();
  await folder.write("web.json", [sampleService()]);
  const detector = new URL("../../plugins/detect-cluster-cidr/plugin.ts", import.meta.url).pathname;
  await using weir = new WeirProcess(namespace, {
    flags: [`--manifests=${folder.path}`, `--proxy-mode=${detector}`],
  });
  await weir.said(/^E.*plugin is parked.*it is a local-detector, a proxier is needed/m);
  assert.doesNotMatch(weir.log, /plugin died/);
  weir.kill("SIGTERM");
  assert.equal((await weir.ended()).code, 0);
});
