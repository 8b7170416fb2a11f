/**
 * Whoever reaches the metrics port and means ill: weir goes on with its work.
 */
import assert from "node:assert/strict";
import { NetworkNamespace } from "../../host/capabilities/namespace.ts";
import { sampleEndpoint, sampleNode, sampleService, sampleSlice } from "../../host/samples.ts";
import type { KubeObject } from "../../schemas/kube.ts";
import { ManifestFolder } from "./manifest_folder.ts";
import { NODE_NAME } from "./program.ts";
import { WeirProcess } from "./weir_process.ts";

const PORT = 10249;
const BASE = `http://127.0.0.1:${PORT}`;

const NODE: KubeObject = sampleNode("", { name: NODE_NAME, taints: [] });

/** A Service of so many ports, each of which is a way to explain. */
function wide(ports: number): readonly KubeObject[] {
  const names = Array.from({ length: ports }, (_, index) => `port-${index}`);
  const service = sampleService({
    ports: names.map((name, index) => ({
      ...sampleService().ports[0] ?? assert.fail("the sample has no port"),
      name,
      port: 8000 + index,
    })),
  });
  return [service, {
    ...sampleSlice([sampleEndpoint("10.244.0.9")]),
    ports: names.map((name, index) => ({ name, protocol: "TCP", port: 8000 + index })),
  }];
}

async function start(
  objects: readonly KubeObject[],
  flags: readonly string[],
  before: readonly string[] = [],
) {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await ManifestFolder.create());
  await folder.write("all.json", [NODE, ...objects]);
  const process = stack.use(
    new WeirProcess(stack.use(NetworkNamespace.own()), {
      flags: [`--manifests=${folder.path}`, ...flags],
      before,
    }),
  );
  await process.said(/"Synced" kind="full"/);
  const running = stack.move();
  return { process, folder, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** What a request is answered, over a connection of its own. */
async function ask(path: string): Promise<Response> {
  return await fetch(`${BASE}${path}`, { headers: { Connection: "close" } });
}

Deno.test("more connections than weir may have files end neither weir nor its syncs", async () => {
  await using weir = await start(wide(1), [], ["prlimit", "--nofile=128:128"]);
  const silent: Deno.Conn[] = [];
  for (let times = 0; times < 300; times++) {
    // Between two listenings nobody is there to connect to.
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: PORT }).catch(() => {});
    if (connection !== undefined) silent.push(connection);
  }
  await weir.process.said(/Cannot accept connections any more/);
  await weir.folder.write("all.json", [NODE, ...wide(2)]);
  await weir.process.until("the change in the kernel", async () => {
    const { service } = await (await ask("/debug/explain?service=default/web")).json();
    return service.ports.length === 2;
  });
  assert.equal(await (await ask("/proxyMode")).text(), "nftables");
  assert.equal((await fetch("http://127.0.0.1:10256/livez")).status, 200);
  for (const connection of silent) connection.close();
  weir.process.kill("SIGTERM");
  const { code, log } = await weir.process.ended();
  assert.equal(code, 0, log);
  assert.doesNotMatch(log, /Uncaught/);
});

Deno.test("many who have a large Service explained kill no proxier, and who is too many is told", async () => {
  await using weir = await start(wide(12), []);
  const proxier = await weir.process.proxier();
  const answers = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const answer = await ask("/debug/explain?service=default/web");
      return { status: answer.status, text: await answer.text(), headers: answer.headers };
    }),
  );
  const refused = answers.filter(({ status }) => status !== 200);
  assert.ok(answers.length - refused.length >= 4, "hardly anybody was answered");
  assert.ok(refused.length > 0, "nobody was too many");
  for (const { status, text, headers } of refused) {
    assert.deepEqual([status, headers.get("retry-after")], [503, "1"]);
    assert.match(text, /requests are under way: ask again in a second/);
  }
  const { ways, waysMissing } = JSON.parse(
    await (await ask("/debug/explain?service=default/web")).text(),
  );
  assert.deepEqual([ways.length, waysMissing], [12, undefined]);
  assert.equal(await weir.process.proxier(), proxier);
});

Deno.test("who asks for the heap again and again does not keep weir from its probes", async () => {
  await using weir = await start(wide(1), ["--profiling"]);
  const flood = Promise.all(
    Array.from({ length: 60 }, async (_, index) => {
      const path = index % 2 === 0 ? "/debug/pprof/heap?gc=1" : "/debug/pprof/allocs?seconds=1";
      const answer = await ask(path);
      await answer.body?.cancel();
      return answer.status;
    }),
  );
  assert.equal((await fetch("http://127.0.0.1:10256/livez")).status, 200);
  const statuses = await flood;
  assert.ok(statuses.includes(503), "nobody was too many");
  assert.ok(statuses.every((status) => status === 200 || status === 503), statuses.join(" "));
  assert.match(await (await ask("/metrics")).text(), /^weir_/m);
  await weir.process.until("no profile", async () => (await ask("/debug/pprof/heap")).ok);
});
