import assert from "node:assert/strict";
import { resolveRequest } from "./resolve.ts";

const KUBE_PROXY = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n";
const WEIR = "apiVersion: weir.dev/v1alpha1\nkind: WeirConfiguration\n";

const resolve = (text: string, ...args: string[]) =>
  resolveRequest(["--config=c.yaml", ...args], {
    hostname: () => "node-1",
    readText: async (path) => {
      if (path !== "c.yaml") throw new Error("it is not there");
      return text;
    },
  });

async function acceptedOf(text: string, ...args: string[]) {
  const request = await resolve(text, ...args);
  assert.ok(request.type === "proxy", JSON.stringify(request));
  return request;
}

async function refusalOf(text: string, ...args: string[]) {
  const request = await resolve(text, ...args);
  assert.ok(request.type === "refused", JSON.stringify(request));
  return { ...request, problems: request.problems.map(({ message }) => message) };
}

Deno.test("with a file the flags of its fields are ignored, and said to be", async () => {
  const { config, warnings } = await acceptedOf(
    `${KUBE_PROXY}clusterCIDR: 10.0.0.0/8\n`,
    "--cluster-cidr=nonsense",
    "--healthz-port=0",
    "--kube-api-burst=3",
  );
  assert.deepEqual(config.clusterCIDRs, ["10.0.0.0/8"]);
  assert.equal(config.clientConnection.burst, 10);
  assert.equal(config.healthzBindAddress, "0.0.0.0:10256");
  assert.deepEqual(warnings.filter((warning) => warning.startsWith("Ignored")), [
    "Ignored --kube-api-burst, --cluster-cidr, --healthz-port: with --config these fields are " +
    "read from the file alone",
  ]);
});

Deno.test("the node's name of the command line wins over the file's, unless it is empty", async () => {
  const text = `${KUBE_PROXY}hostnameOverride: of-the-file\n`;
  assert.equal((await acceptedOf(text, "--hostname-override=Mine")).config.nodeName, "mine");
  assert.equal((await acceptedOf(text, "--hostname-override=")).config.nodeName, "of-the-file");
  assert.equal((await acceptedOf(text)).config.nodeName, "of-the-file");
});

Deno.test("flags of the log that are given win over the file's, the others leave it", async () => {
  const { config, warnings } = await acceptedOf(
    `${KUBE_PROXY}mode: nftables\nlogging:\n  verbosity: 2\n  flushFrequency: 1s\n  vmodule:\n` +
      "  - {filePattern: of-the-file, verbosity: 1}\n",
    "-v=5",
    "--vmodule=sync=4",
  );
  const { verbosity, flushFrequency, vmodule } = config.logging;
  assert.deepEqual([verbosity, flushFrequency], [5, 1_000]);
  assert.deepEqual(vmodule, [
    { filePattern: "sync", verbosity: 4 },
    { filePattern: "of-the-file", verbosity: 1 },
  ]);
  assert.deepEqual(warnings, []);
});

Deno.test("a file of kube-proxy's usual mode that leaves NodePorts to it is warned of", async () => {
  const warningsOf = async (fields: string) => (await acceptedOf(KUBE_PROXY + fields)).warnings;
  const [warning, ...more] = await warningsOf("nodePortAddresses: null\n");
  assert.match(warning ?? "", /NodePorts answer .* mode is empty.*set nodePortAddresses: \[0\.0/s);
  assert.deepEqual(more, []);
  assert.deepEqual(await warningsOf("mode: nftables\n"), []);
  assert.deepEqual(await warningsOf("nodePortAddresses: [0.0.0.0/0]\n"), []);
});

Deno.test("weir's own flags and those without a field count beside a file", async () => {
  const { config } = await acceptedOf(
    `${KUBE_PROXY}mode: ipvs\n---\n${WEIR}configReload: exit\nconntrack: {removeTCPFlows: false}\n`,
    "--manifests=dir",
    "--proxy-mode-fallback",
    "--conntrack-remove-tcp-flows",
    "--init-only",
  );
  assert.equal(config.manifests, "dir");
  assert.equal(config.inPlaceOf, "ipvs");
  assert.equal(config.conntrack.removeTCPFlows, true);
  assert.equal(config.configReload, "exit");
  assert.equal(config.initOnly, true);
  assert.equal(config.configFile, "c.yaml");
});

Deno.test("every fault of a file is told at once, with its path, its line and its value", async () => {
  const { source, problems, warnings } = await refusalOf(
    `${KUBE_PROXY}mod: nftables\nconntrack:\n  min: -1\n  udpTimeout: 5\niptables: 3\n` +
      "detectLocalMode: BridgeInterface\nlogging:\n  vmodule:\n  - verbosity: 1\n" +
      `---\n${WEIR}limits: {deaths: 0}\nplugins:\n  mine: {}\n`,
  );
  assert.equal(source, "file");
  assert.deepEqual(problems.sort(), [
    'Cannot use conntrack.min "-1" of c.yaml, line 5, column 3: it is the number -1, and it needs an integer from 0 to 2147483647',
    'Cannot use conntrack.udpTimeout "5" of c.yaml, line 6, column 3: it is the number 5, and it needs a duration in quotes or with its unit, such as "30s"',
    "Cannot use detectLocal.bridgeInterface of c.yaml, line 1, column 1: the local-detector BridgeInterface needs the bridge's name",
    'Cannot use iptables "3" of c.yaml, line 7, column 1: it is the number 3, and it needs a map of fields',
    'Cannot use limits.deaths "0" of c.yaml, line 15, column 10: it is the number 0, and it needs an integer from 1 to 1000',
    "Cannot use logging.vmodule[0].filePattern of c.yaml, line 11, column 5: it is missing",
    'Cannot use plugins.mine "{}" of c.yaml, line 17, column 3: it has no reference, and weir has no plugin of its own of this name',
  ]);
  assert.deepEqual(warnings, [
    'Ignored mod "nftables" of c.yaml, line 3, column 1: there is no such field; did you mean mode?',
  ]);
});

Deno.test("a flag that counts beside the file is told of as a flag", async () => {
  const { problems } = await refusalOf(`${KUBE_PROXY}logging: {format: json}\n`, "--vmodule=a=1");
  assert.deepEqual(problems, [
    'Cannot use --vmodule "a=1": it is for the format text, and the format is json',
  ]);
});

Deno.test("a mode that weir does not have is told with its line and what to do", async () => {
  const { problems } = await refusalOf(`${KUBE_PROXY}mode: ipvs\n`);
  assert.deepEqual(problems, [
    'Cannot use mode "ipvs" of c.yaml, line 3, column 1: this version of weir has nftables or the ' +
    "path of a plugin; use nftables, or let it serve in this mode's place by --proxy-mode-fallback",
  ]);
});

Deno.test("a file that cannot be read is told of with the reason", async () => {
  const request = await resolveRequest(["--config=other.yaml"], {
    hostname: () => "node-1",
    readText: () => Promise.reject(new Error("it is not there")),
  });
  assert.ok(request.type === "refused");
  assert.equal(request.source, "file");
  assert.deepEqual(request.problems.map(({ message }) => message), [
    'Cannot use --config "other.yaml": it is not there',
  ]);
});

Deno.test("a command line that cannot be read is refused before the file is", async () => {
  const request = await resolveRequest(["--config=c.yaml", "--kube-api-burst=x"], {
    hostname: () => "node-1",
    readText: () => {
      throw new Error("the file was read");
    },
  });
  assert.ok(request.type === "refused");
  assert.equal(request.source, "command line");
});
