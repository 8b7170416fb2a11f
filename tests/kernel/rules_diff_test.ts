/**
 * `weir diff --rules` beside a running weir, without one, and after somebody else's hand in the
 * rules: what it tells is what a sync then does, and it does nothing itself.
 */
import assert from "node:assert/strict";
import { sampleEndpoint, sampleNode, sampleService, sampleSlice } from "../../host/samples.ts";
import type { EndpointSlice, Service } from "../../schemas/kube.ts";
import { Topology } from "../kit/packet/topology.ts";
import { web } from "./cluster.ts";
import { kubeObject } from "./kube_object.ts";
import { NodeAgent } from "./node_agent.ts";
import { NODE_NAME } from "./program.ts";
import { startWeirCluster, type WeirCluster } from "./weir_on_manifests.ts";
import { taskCommand } from "./weir_process.ts";

const ROOT = new URL("../../", import.meta.url);
const FLAGS = ["--cluster-cidr=10.244.0.0/16,fd00:10:244::/64"];
const PLAIN = new URL("plain_proxier/plugin.ts", import.meta.url).pathname;

interface Stage extends WeirCluster {
  /** Runs a subcommand of weir in the node. */
  command(...words: readonly string[]): Promise<{ code: number; out: string; err: string }>;
  /** Runs the nft program in the node. */
  nft(...words: readonly string[]): Promise<string>;
  /** Everything in nftables, without what packets count. */
  everything(): Promise<string>;
  /** Ends weir; its rules stay. */
  end(): Promise<void>;
}

async function stage(flags = FLAGS): Promise<Stage> {
  const cluster = await startWeirCluster(flags);
  const { topology, weir } = cluster;
  const run = async (words: readonly string[]) => {
    const [program, ...args] = topology.node.namespace.command(words);
    const { code, stdout, stderr } = await new Deno.Command(program, { args, cwd: ROOT }).output();
    const text = new TextDecoder();
    return { code, out: text.decode(stdout), err: text.decode(stderr) };
  };
  const nft = async (...words: readonly string[]) => {
    const { code, out, err } = await run(["nft", ...words]);
    assert.equal(code, 0, err);
    return out;
  };
  return {
    ...cluster,
    command: (...words) => run([...taskCommand(), ...words]),
    nft,
    // Handles tell a table that was made anew from the one that stood there.
    everything: () => nft("-a", "-s", "list", "ruleset"),
    async end() {
      weir.process.kill("SIGTERM");
      await weir.process.ended();
    },
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  };
}

async function folderOf(objects: readonly (Service | EndpointSlice)[]) {
  const path = await Deno.makeTempDir({ prefix: "weir-rules-" });
  const items = objects.map(kubeObject);
  await Deno.writeTextFile(
    `${path}/objects.json`,
    JSON.stringify({ apiVersion: "v1", kind: "List", items }),
  );
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** A Service of one endpoint. */
function shop(address: string, host: string) {
  return [
    sampleService({
      name: "shop",
      clusterIP: address,
      ports: [{ name: "tcp", protocol: "TCP", port: 80, nodePort: 0 }],
    }),
    sampleSlice([sampleEndpoint(host, { nodeName: "elsewhere" })], {
      name: "shop-1",
      serviceName: "shop",
      ports: [{ name: "tcp", protocol: "TCP", port: 8080 }],
    }),
  ] as const;
}

Deno.test("nothing differs beside a weir that is done, nothing is written, and no sync is disturbed", async () => {
  await using cluster = await stage();
  const { weir, topology: { backends }, command, everything } = cluster;
  await weir.serve([...web(backends), ...shop("10.96.7.7", "10.244.9.9")]);
  const before = await everything();
  const { code, out, err } = await command("diff", "--rules", "--exit-code");
  assert.equal(code, 0, `${out}${err}`);
  assert.match(out, /^Nothing differs: the next full sync of the running weir would leave/);
  assert.equal(await everything(), before);
  // Slots that a history has left in another order are none either, and weir goes on.
  await weir.serve([...web(backends.slice(1)), ...shop("10.96.7.7", "10.244.9.9")]);
  await weir.serve([...web(backends), ...shop("10.96.7.7", "10.244.9.9")]);
  assert.equal(await weir.pages.metric("weir_repairs_total"), 0);
});

Deno.test("what other manifests would change is told element by element, and is what then happens", async () => {
  await using cluster = await stage();
  const { weir, topology: { backends }, command, nft } = cluster;
  await weir.serve(web(backends));
  await using folder = await folderOf([...web(backends), ...shop("10.96.7.7", "10.244.9.9")]);
  const { code, out, err } = await command(
    "diff",
    "--rules",
    `--manifests=${folder.path}`,
    "--exit-code",
  );
  assert.equal(code, 1, err);
  assert.match(out, /^--- the rules in the kernel\n\+\+\+ the running weir with the Services of /);
  assert.match(out, /^@@ table ip weir, set cluster-ips @@\n\+\t10\.96\.7\.7\n-\t10\.96\.255\.1$/m);
  assert.match(out, /^\+\t0x[0-9a-f]{8} \. 0 : 10\.244\.9\.9 \. 8080$/m);
  assert.match(out, /^\+\t10\.96\.7\.7 \. tcp \. 80 : 0x[0-9a-f]{8}$/m);
  assert.doesNotMatch(out, /table ip6/);
  assert.match(out, /would come, .* would go\..*Nothing was changed\.\n$/);
  const told = /^\+\t(0x[0-9a-f]{8}) \. 0 : 10\.244\.9\.9/m.exec(out)?.[1] ?? "";
  await weir.serve([...web(backends), ...shop("10.96.7.7", "10.244.9.9")]);
  assert.ok(
    (await nft("list", "map", "ip", "weir", "endpoints")).includes(`${told} . 0 : 10.244.9`),
  );
});

Deno.test("what a flag would change is told with the Services of the weir that runs, in JSON too", async () => {
  await using cluster = await stage();
  const { weir, topology: { backends }, command, everything } = cluster;
  await weir.serve(web(backends));
  const before = await everything();
  const flags = [...FLAGS, `--hostname-override=${NODE_NAME}`, "--masquerade-all"];
  const { code, out, err } = await command("diff", "--rules", "--exit-code", ...flags);
  assert.equal(code, 1, `${out}${err}`);
  const changed = out.split("\n").filter((line) => /^[-+]\t/.test(line));
  assert.equal(changed.length, 4, out);
  for (const line of changed) {
    assert.match(line, /^-.* from a local pod"$|^\+.* "masquerade everything"$/);
  }
  assert.match(err, /the flags name no source of Services: those of the running weir are taken/);
  const json = await command("diff", "--rules", "-o", "json", ...flags);
  const answer = JSON.parse(json.out);
  assert.deepEqual(
    [json.code, answer.kind, answer.proxier, answer.added.rules, answer.removed.rules],
    [0, "RulesDiff", "proxier-nftables", 2, 2],
  );
  assert.deepEqual(
    answer.changes.map(({ family, kind, name, type }: Record<string, string>) =>
      [family, kind, name, type].join(" ")
    ),
    ["ip chain nat changed", "ip6 chain nat changed"],
  );
  assert.equal(await everything(), before);
});

Deno.test("another proxier is tried in its sandbox: its table would come, the former one's would go", async () => {
  await using cluster = await stage();
  const { weir, topology: { backends }, command, everything } = cluster;
  await weir.serve(web(backends));
  const before = await everything();
  const { code, out, err } = await command(
    "diff",
    "--rules",
    "--exit-code",
    ...FLAGS,
    `--hostname-override=${NODE_NAME}`,
    `--proxy-mode=${PLAIN}`,
    "--all",
  );
  assert.equal(code, 1, err);
  assert.match(out, /^\+table ip plain/m);
  assert.match(
    out,
    /^\+\tip daddr 10\.96\.\S+ meta l4proto tcp th dport \d+ dnat to 10\.\S+:8080$/m,
  );
  assert.match(out, /^-table ip6 weir /m);
  assert.doesNotMatch(out, /^\+.*cluster-ips/m);
  assert.equal(await everything(), before);
});

Deno.test("without a weir everything would come, and nothing of a dead weir's rules; trouble is 2", async () => {
  await using cluster = await stage();
  const { weir, topology: { backends }, command, everything, nft, end } = cluster;
  await weir.serve(web(backends));
  await end();
  await using folder = await folderOf(web(backends));
  const flags = [...FLAGS, `--hostname-override=${NODE_NAME}`, `--manifests=${folder.path}`];
  // The barrier of the tests is not in the folder: it is all that would go.
  const beside = await command("diff", "--rules", "--exit-code", ...flags);
  assert.equal(beside.code, 1, beside.err);
  assert.match(beside.out, /^-\t10\.96\.255\.1$/m);
  assert.doesNotMatch(beside.out, /^\+\t/m);
  await nft("flush", "ruleset");
  const { code, out, err } = await command("diff", "--rules", "--exit-code", ...flags);
  assert.equal(code, 1, err);
  assert.match(out, /^\+table ip weir \{ comment "weir: proxier proxier-nftables"; \}$/m);
  assert.doesNotMatch(out, /^-\t/m);
  assert.match(out, /^2 tables, .*would come, nothing would go\. Nothing was changed\.$/m);
  assert.equal(await everything(), "");
  const unknown = await command("diff", "--rules", "--exit-code");
  assert.equal(unknown.code, 2);
  assert.match(unknown.err, /nobody answers.*WEIR_UNREACHABLE/);
});

Deno.test("what somebody else's hand did to the rules is told as what a repair puts back", async () => {
  await using cluster = await stage();
  const { weir, topology: { backends }, command, nft, everything, end } = cluster;
  const [service, ...rest] = shop("10.96.7.7", "10.244.9.9");
  const lasting = { sessionAffinity: "ClientIP", affinityTimeoutSeconds: 600 } as const;
  const objects = [...web(backends), { ...service, ...lasting }, ...rest];
  await weir.serve(objects);
  await end();
  await using folder = await folderOf(objects);
  const flags = [...FLAGS, `--hostname-override=${NODE_NAME}`, `--manifests=${folder.path}`];
  for (
    const words of [
      "insert rule ip weir nat ip saddr 192.0.2.0/24 tcp dport { 22, 23 } counter drop",
      "add element ip weir service-reject { 10.96.99.99 . tcp . 99 }",
      "add element ip weir affinity { 192.0.2.1 . 0x00000007 timeout 60s : 0x00000001 }",
      "add chain ip weir intruder { type filter hook prerouting priority -300 ; policy accept ; }",
      "delete element ip weir cluster-ips { 10.96.255.1 }",
    ]
  ) await nft(words);
  const before = await everything();
  const { code, out, err } = await command("diff", "--rules", "--exit-code", ...flags);
  assert.equal(code, 1, err);
  assert.match(
    out,
    /^-\tip saddr 192\.0\.2\.0\/24 meta l4proto tcp th dport \{ 22, 23 \} counter drop$/m,
  );
  assert.match(out, /^@@ table ip weir, set service-reject @@\n-\t10\.96\.99\.99 \. tcp \. 99$/m);
  assert.match(
    out,
    /^-chain intruder \{ type filter hook prerouting priority -300; policy accept; \}$/m,
  );
  // What clients are remembered by is the packets' own.
  assert.doesNotMatch(out, /map affinity/);
  assert.equal(await everything(), before);
});

Deno.test("on a fresh node the API server's Services are told as what a start would bring", async () => {
  await using topology = await Topology.create({ backends: 1 });
  await using agent = new NodeAgent(topology);
  const master = await agent.startApiServer();
  await agent.apply([sampleNode("", { name: NODE_NAME }), ...shop("10.96.7.7", "10.244.9.9")]);
  const run = async (before: readonly string[] = []) => {
    const [program, ...args] = topology.node.namespace.command([
      ...before,
      ...taskCommand(),
      ...["diff", "--rules", "--exit-code", "--all"],
      ...[`--master=${master}`, `--hostname-override=${NODE_NAME}`, ...FLAGS],
    ]);
    const { code, stdout, stderr } = await new Deno.Command(program, { args, cwd: ROOT }).output();
    const text = new TextDecoder();
    return { code, out: text.decode(stdout), err: text.decode(stderr) };
  };
  const { code, out, err } = await run();
  assert.equal(code, 1, err);
  assert.match(out, /^\+\t10\.96\.7\.7 \. tcp \. 80 : 0x[0-9a-f]{8}$/m);
  assert.match(out, /^\+\t0x[0-9a-f]{8} \. 0 : 10\.244\.9\.9 \. 8080$/m);
  assert.match(out, /^\+\tip daddr @cluster-ips ip saddr != 10\.244\.0\.0\/16 meta mark set /m);
  const powerless = await run(["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]);
  assert.equal(powerless.code, 2, powerless.out);
  assert.match(powerless.err, /run weir as root or with CAP_NET_ADMIN \(WEIR_NETLINK\)/);
});

Deno.test("who answers in place of a weir that does not run cannot have a program of its own run", async () => {
  await using cluster = await stage();
  const { weir, topology: { backends } } = cluster;
  await weir.serve(web(backends));
  const page = async (path: string) =>
    JSON.parse((await weir.pages.at(`http://127.0.0.1:10249${path}`)).text);
  const pending = await page("/debug/diff?next=1");
  const configz = await page("/configz");
  const folder = await Deno.makeTempDir({ prefix: "weir-impostor-" });
  const kubeconfig = `${folder}/kubeconfig`;
  const loot = `${folder}/loot`;
  const exec = {
    apiVersion: "client.authentication.k8s.io/v1",
    command: "/bin/sh",
    args: ["-c", `id > ${loot}`],
    interactiveMode: "Never",
  };
  await Deno.writeTextFile(
    kubeconfig,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }],
      users: [{ name: "u", user: { exec } }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
    }),
  );
  const clientConnection = { ...configz.weir.clientConnection, kubeconfig };
  const told = { ...configz, weir: { ...configz.weir, manifests: "", clientConnection } };
  const impostor = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    ({ url }) => Response.json(new URL(url).pathname === "/configz" ? told : pending),
  );
  const [program = "", ...words] = taskCommand();
  const diff = async (...flags: readonly string[]) => {
    const server = `--server=http://127.0.0.1:${impostor.addr.port}`;
    const args = [...words, "diff", "--rules", server, ...flags];
    const { code, stderr } = await new Deno.Command(program, { args, cwd: ROOT }).output();
    return { code, err: new TextDecoder().decode(stderr) };
  };
  try {
    const { code, err } = await diff("--exit-code", "--hostname-override=another");
    await assert.rejects(Deno.stat(loot), Deno.errors.NotFound);
    assert.equal(code, 2, err);
    assert.match(err, /Cannot list Services "for these flags": .*; give --kubeconfig/);
    assert.ok(!err.includes(folder), err);
  } finally {
    await impostor.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
});
