/**
 * Profiles of the whole of weir while it works, read by `go tool pprof` from inside the node.
 */
import assert from "node:assert/strict";
import { web } from "./cluster.ts";
import { patient, until } from "./patience.ts";
import { startWeirCluster, type WeirCluster } from "./weir_on_manifests.ts";

const DEBUG = "http://127.0.0.1:10249/debug";

/** What `go tool pprof` prints. */
async function pprof({ topology }: WeirCluster, ...args: string[]): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "weir-pprof-" });
  const [program, ...words] = topology.node.namespace.command(["go", "tool", "pprof", ...args]);
  try {
    const { stdout, stderr } = await new Deno.Command(program, {
      args: words,
      clearEnv: true,
      env: { HOME: folder, PPROF_TMPDIR: folder, PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    }).output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Changes what is served, until something is over. */
async function changeWhile({ topology, weir }: WeirCluster, work: Promise<string>) {
  const { backends } = topology;
  let over = false;
  work.finally(() => over = true).catch(() => {});
  for (let round = 0; !over; round++) await weir.serve(web(backends.slice(round % 2)));
  return await work;
}

Deno.test("go tool pprof shows what the host and the proxier do while Services change", async () => {
  await using cluster = await startWeirCluster(["--profiling"]);
  const { weir, topology } = cluster;
  await weir.serve(web(topology.backends));
  const cpu = (query: string) => pprof(cluster, "-top", `${DEBUG}/pprof/profile?seconds=3${query}`);

  const host = await changeWhile(cluster, cpu(""));
  assert.match(host, /^File: weir\nType: cpu$/m);
  // Most of its work in this test is to read the manifests.
  assert.match(host, /host\/source\/manifests\/\S+$/m, host);

  const proxier = await changeWhile(cluster, cpu("&plugin=proxier-nftables"));
  assert.match(proxier, /^File: proxier-nftables\nType: cpu$/m);
  assert.match(proxier, /plugins\/(sdk|proxier-nftables)\/\S+$/m, proxier);
  assert.doesNotMatch(weir.process.log, /plugin died/);
});

/** A proxier that is busy with each change, in the functions of its lines 7 and 15. */
const BUSY = `import { defineProxier } from "weir";

interface Dropped {
  readonly by: "the bundler";
}

function grindCorn(milliseconds: number): Dropped | undefined {
  for (const end = Date.now() + milliseconds; Date.now() < end;) Math.sqrt(end);
  return undefined;
}

export default defineProxier({
  name: "busy", version: "0.1.0", api: 1,
  resync: () => void grindCorn(50),
  apply: () => void grindCorn(50),
  explain: () => [],
  cleanup() {},
});
`;

Deno.test("go tool pprof finds the lines of a third party's proxier in its own file", async () => {
  const folder = await Deno.makeTempDir({ prefix: "weir-busy-" });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const plugin = `${folder}/plugin.ts`;
  await Deno.writeTextFile(plugin, BUSY);
  const cluster = stack.use(await startWeirCluster(["--profiling", `--proxy-mode=${plugin}`]));
  const { backends } = cluster.topology;
  await cluster.weir.write(web(backends));
  await until("the proxier runs", async () => {
    const tasks = await cluster.weir.pages.at(`${DEBUG}/pprof/goroutine?debug=1`);
    return tasks.text.includes(`#\tready\n#\tplugin ${plugin}\n`);
  });
  const showing = pprof(
    cluster,
    "-list=plugin\\.(grindCorn|apply)",
    `${DEBUG}/pprof/profile?seconds=3&plugin=${encodeURIComponent(plugin)}`,
  );
  let over = false;
  showing.finally(() => over = true).catch(() => {});
  for (let round = 0; !over; round++) {
    await cluster.weir.write(web(backends.slice(round % 2)));
    await new Promise((resume) => setTimeout(resume, 100));
  }
  const shown = await showing;
  assert.match(shown, new RegExp(`^ROUTINE =+ .* in ${plugin}$`, "m"), shown);
  // V8 may have put the one function into the other.
  assert.match(shown, /^ +[\d.]+m?s .* (7:function grindCorn\(|15: {2}apply: )/m, shown);
});

Deno.test("go tool pprof shows the heap of the host and of the proxier", async () => {
  await using cluster = await startWeirCluster(["--profiling"]);
  const { weir, topology } = cluster;
  await weir.serve(web(topology.backends));
  const heap = (query: string) => pprof(cluster, "-top", `${DEBUG}/pprof/heap${query}`);
  const host = await heap("");
  assert.match(host, /^File: weir\n(sampled since .*\n)?Type: inuse_space$/m);
  assert.match(host, /\d+kB .*%/);
  assert.match(await heap("?plugin=proxier-nftables"), /^File: proxier-nftables$/m);
});

Deno.test("the routes say what weir waits for, how it was started, and take another verbosity", async () => {
  await using cluster = await startWeirCluster(["--profiling"]);
  const { weir, topology } = cluster;
  await weir.serve(web(topology.backends));
  const { pages, process } = weir;
  const tasks = (await pages.at(`${DEBUG}/pprof/goroutine?debug=1`)).text;
  assert.match(tasks, /#\tready\n#\tplugin proxier-nftables/);
  assert.match(tasks, /#\thost\/.*\thost\/[a-z_/]+\.ts:\d+/);
  const words = (await pages.at(`${DEBUG}/pprof/cmdline`)).text.split("\0");
  assert.ok(words.includes("mod.ts") && words.includes("--profiling"), words.join(" "));
  const trace = JSON.parse((await pages.at(`${DEBUG}/pprof/trace?seconds=0.5`)).text);
  assert.deepEqual(trace.traceEvents[0].args, { name: "weir" });

  assert.deepEqual(await pages.put(`${DEBUG}/flags/v`, "9"), {
    status: 200,
    text: "successfully set klog.logging.verbosity to 9\n",
  });
  const before = process.log.length;
  await weir.serve(web(topology.backends.slice(1)));
  await process.until("more in the log", () => process.log.length > before);
  for (
    const [name, pattern] of [["flagz", /^profiling=true$/m], ["statusz", /^Up: 0 hr/m]] as const
  ) {
    assert.match((await pages.at(`http://127.0.0.1:10249/${name}`)).text, pattern);
  }
});

Deno.test("without --profiling there are no profiles, and plugins have no inspector", async () => {
  await using cluster = await startWeirCluster();
  const { weir, topology } = cluster;
  await weir.serve(web(topology.backends));
  for (const path of ["pprof/", "pprof/profile", "pprof/heap", "flags/v"]) {
    assert.equal((await weir.pages.at(`${DEBUG}/${path}`)).status, 404, path);
  }
});

Deno.test("SIGTERM ends weir while somebody waits for a profile, as soon as otherwise", async () => {
  await using cluster = await startWeirCluster(["--profiling"]);
  const { weir, topology } = cluster;
  await weir.serve(web(topology.backends));
  const profile = weir.pages.at(`${DEBUG}/pprof/profile?seconds=60`).catch(() => undefined);
  await new Promise((resume) => setTimeout(resume, 500));
  const before = performance.now();
  weir.process.kill("SIGTERM");
  assert.equal((await weir.process.ended()).code, 0);
  assert.ok(performance.now() - before < patient(3_000), weir.process.log);
  const answer = await profile;
  assert.ok(answer === undefined || answer.status >= 500);
});
