/**
 * How weir starts where something is missing: it says what, and what helps.
 */
import assert from "node:assert/strict";
import { NetworkNamespace } from "../../host/capabilities/namespace.ts";
import { sampleService } from "../../host/samples.ts";
import { ManifestFolder } from "./manifest_folder.ts";
import { nft, succeed } from "./namespace_program.ts";
import { until } from "./patience.ts";
import { WeirProcess } from "./weir_process.ts";

/** Takes every capability away for good, as a container without privileges has it. */
const POWERLESS = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "--"];

const UP = ["ip", "link", "set", "lo", "up"];

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
  [
    "with a health address that no interface has, and --bind-address-hard-fail,",
    [],
    ["--healthz-bind-address=192.0.2.1:10256", "--bind-address-hard-fail"],
    /^weir: Cannot bind "192\.0\.2\.1:10256" for health: no interface of this node has 192\.0\.2\.1: give --healthz-bind-address another address \(WEIR_BIND\)$/m,
  ],
] as const;

for (const [sentence, before, flags, says] of FAILURES) {
  Deno.test(`weir ${sentence} does not start and says why`, async () => {
    using namespace = NetworkNamespace.create("node");
    // While no interface is up the kernel lets any address be bound.
    await succeed({ namespace }, UP);
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
  await nft({ namespace }, 'add table ip weir { comment "weir: proxier other"; }');
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

Deno.test("a health address that no interface has is waited for, and served once one has it", async () => {
  using namespace = NetworkNamespace.create("node");
  await succeed({ namespace }, UP);
  await using folder = await ManifestFolder.create();
  await folder.write("web.json", [sampleService()]);
  await using weir = new WeirProcess(namespace, {
    flags: [`--manifests=${folder.path}`, "--healthz-bind-address=192.0.2.1:10256"],
  });
  await weir.said(/^E.*Cannot bind .*192\.0\.2\.1.*retrySeconds=5/m);
  await weir.said(/"Synced" kind="full"/);
  await succeed({ namespace }, ["ip", "address", "add", "192.0.2.1/32", "dev", "lo"]);
  await weir.said(/"Serving after all" server="health" address="192\.0\.2\.1:10256"/);
});

Deno.test("with --bind-address a node of IPv6 first serves its pages on IPv6, and names its machine", async () => {
  using namespace = NetworkNamespace.create("node");
  await succeed({ namespace }, UP);
  await using folder = await ManifestFolder.create();
  await folder.write("web.json", [sampleService()]);
  await Deno.writeTextFile(`${folder.path}/machine.id`, "c0ffee\n");
  await using weir = new WeirProcess(namespace, {
    flags: [
      `--manifests=${folder.path}`,
      "--bind-address=fd00::7",
      `--machine-id-file=/nowhere,${folder.path}/machine.id`,
    ],
  });
  await weir.said(/"Running in dual-stack mode" primary="IPv6" address="fd00::7"/);
  await weir.said(/"On machine" machineId="c0ffee" bootId="[0-9a-f-]{36}"/);
  await weir.said(/"Synced" kind="full"/);
  const page = (path: string) =>
    succeed({ namespace }, [
      Deno.execPath(),
      "eval",
      `console.log(await (await fetch("http://[::1]:${path}")).text())`,
    ]);
  assert.match(await page("10256/livez"), /"healthy":true/);
  assert.equal(JSON.parse(await page("10249/configz")).weir.machine.machineId, "c0ffee");
});
