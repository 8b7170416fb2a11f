import assert from "node:assert/strict";
import type { WeirConfig } from "../../schemas/config.ts";
import { systemClock } from "../clock.ts";
import { resolveRequest } from "../config/resolve.ts";
import { Revisions } from "../diff.ts";
import { PluginRoster } from "../plugin_roster.ts";
import { Profiling } from "../profiles/profiling.ts";
import { createLog } from "../telemetry/log.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { TraceRing } from "../telemetry/trace_ring.ts";
import { Tracker } from "../tracker.ts";
import { Servers } from "./servers.ts";

/** A port that nobody has, taken from the kernel and given back. */
function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

async function configOf(health: string, metrics: string): Promise<WeirConfig> {
  const flags = [`--healthz-bind-address=${health}`, `--metrics-bind-address=${metrics}`];
  const request = await resolveRequest(flags, { hostname: () => "here" });
  assert.ok(request.type === "proxy", JSON.stringify(request));
  return request.config;
}

/** What a port answers: a status, or `refused`. */
async function ask(port: number, path: string, host = "127.0.0.1"): Promise<string> {
  try {
    const headers = { Connection: "close" };
    const response = await fetch(`http://${host}:${port}${path}`, { headers });
    await response.body?.cancel();
    return String(response.status);
  } catch {
    return "refused";
  }
}

async function until(state: string, look: () => Promise<string>): Promise<void> {
  let seen = "";
  for (let tries = 0; tries < 400 && seen !== state; tries++) {
    seen = await look();
    if (seen !== state) await new Promise((resume) => setTimeout(resume, 5));
  }
  assert.equal(seen, state);
}

async function stage() {
  const [health, metrics] = [freePort(), freePort()];
  const config = await configOf(`127.0.0.1:${health}`, `127.0.0.1:${metrics}`);
  const servers = new Servers(config, {
    config: () => config,
    fail: () => {},
    machine: { machineId: "", bootId: "" },
    registry: createMetrics({
      version: "0",
      platform: "linux/amd64",
      runtime: "deno",
      startedAt: 0,
      usage: () => ({ residentBytes: 0, cpuSeconds: 0 }),
    }),
    facts: () => ({
      families: ["IPv4"],
      lastCompleted: 1,
      waitingSince: undefined,
      node: undefined,
      parked: [],
    }),
    traces: new TraceRing(),
    insight: {
      explain: () => Promise.reject(new Error("not asked")),
      pending: () => Promise.reject(new Error("not asked")),
      top: () => Promise.reject(new Error("not asked")),
    },
    debug: {
      profiling: new Profiling(new URL("../../", import.meta.url), systemClock),
      commandLine: () => [],
      profileSeconds: 1,
      setVerbosity: () => {},
      zpages: { flags: () => new Map(), startedAt: 0, now: () => 0, version: "0", runtime: "deno" },
    },
    tracker: new Tracker({ nodeName: "here", startedAt: 0 }),
    revisions: new Revisions(),
    roster: new PluginRoster(),
    looked: () => {},
    silence: () => undefined,
    clock: systemClock,
    log: createLog({ now: () => 0, gate: () => ({ verbosity: 0 }), write: () => {} }),
  });
  await until("200", () => ask(health, "/livez"));
  await until("200", () => ask(metrics, "/proxyMode"));
  return { servers, health, metrics, [Symbol.asyncDispose]: () => servers.stop() };
}

Deno.test("a server answers at its new address before the old one is closed, the other stays", async () => {
  await using scene = await stage();
  const next = freePort();
  const prepared = await scene.servers.prepare(
    await configOf(`127.0.0.1:${next}`, `127.0.0.1:${scene.metrics}`),
  );
  assert.deepEqual([await ask(next, "/livez"), await ask(scene.health, "/livez")], ["200", "200"]);
  prepared.commit();
  await until("refused", () => ask(scene.health, "/livez"));
  assert.equal(await ask(next, "/livez"), "200");
  assert.equal(await ask(scene.metrics, "/proxyMode"), "200");
});

Deno.test("a new address is given up with all of what was prepared", async () => {
  await using scene = await stage();
  const next = freePort();
  const prepared = await scene.servers.prepare(
    await configOf(`127.0.0.1:${next}`, `127.0.0.1:${scene.metrics}`),
  );
  prepared.abort();
  await until("refused", () => ask(next, "/livez"));
  assert.equal(await ask(scene.health, "/livez"), "200");
});

Deno.test("when one address is taken, neither server moves", async () => {
  await using scene = await stage();
  const holder = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const next = freePort();
  await assert.rejects(
    configOf(`127.0.0.1:${next}`, `127.0.0.1:${holder.addr.port}`)
      .then((config) => scene.servers.prepare(config)),
    { code: "WEIR_BIND", message: /another process listens/ },
  );
  await until("refused", () => ask(next, "/livez"));
  assert.equal(await ask(scene.health, "/livez"), "200");
  assert.equal(await ask(scene.metrics, "/proxyMode"), "200");
  holder.close();
});

Deno.test("every address of a port takes the place of one address of it, and back", async () => {
  await using scene = await stage();
  for (const ip of ["0.0.0.0", "127.0.0.1"]) {
    const config = await configOf(`${ip}:${scene.health}`, `127.0.0.1:${scene.metrics}`);
    (await scene.servers.prepare(config)).commit();
    await until("200", () => ask(scene.health, "/livez"));
  }
});

Deno.test("a server that is not wanted any more ends, and can come back", async () => {
  await using scene = await stage();
  const without = { healthzBindAddress: "", metricsBindAddress: `127.0.0.1:${scene.metrics}` };
  (await scene.servers.prepare(without)).commit();
  await until("refused", () => ask(scene.health, "/livez"));
  const again = { ...without, healthzBindAddress: `127.0.0.1:${scene.health}` };
  (await scene.servers.prepare(again)).commit();
  await until("200", () => ask(scene.health, "/livez"));
});

Deno.test("pages that listen end when their server moves or stops, and hold up neither", async () => {
  await using scene = await stage();
  const listen = async (port: number) => {
    const { body, status } = await fetch(`http://127.0.0.1:${port}/live`);
    assert.equal(status, 200);
    const reader = body?.getReader() ?? assert.fail("there is no stream");
    assert.match(new TextDecoder().decode((await reader.read()).value), /^retry/);
    return reader;
  };
  const moved = await listen(scene.metrics);
  const next = freePort();
  const config = await configOf(`127.0.0.1:${scene.health}`, `127.0.0.1:${next}`);
  (await scene.servers.prepare(config)).commit();
  assert.equal((await moved.read()).done, true);
  await until("refused", () => ask(scene.metrics, "/proxyMode"));
  const stopped = await listen(next);
  const begun = performance.now();
  await scene.servers.stop();
  assert.equal((await stopped.read()).done, true);
  assert.ok(performance.now() - begun < 900, "the grace of requests under way was waited for");
});

Deno.test("a page that is gone is not listened for any more", async () => {
  await using scene = await stage();
  // A listener too many is refused: each that has left must have made room.
  for (let times = 0; times < 40; times++) {
    const controller = new AbortController();
    const { signal } = controller;
    let status = 0;
    for (let tries = 0; tries < 200 && status !== 200; tries++) {
      const answer = await fetch(`http://127.0.0.1:${scene.metrics}/live`, { signal });
      status = answer.status;
      if (status === 200) await answer.body?.getReader().read();
      else {
        await answer.body?.cancel();
        await new Promise((resume) => setTimeout(resume, 5));
      }
    }
    assert.equal(status, 200);
    controller.abort();
  }
});

Deno.test("only what kube-proxy tells anybody is told to a site that was rebound to this node", async () => {
  await using scene = await stage();
  const status = async (path: string, host: string) => {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: scene.metrics });
    const text = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    await connection.write(new TextEncoder().encode(text));
    const reader = connection.readable.getReader();
    const answer = new TextDecoder().decode((await reader.read()).value);
    reader.releaseLock();
    return Number(answer.slice(9, 12));
  };
  const statusz = await (await fetch(`http://127.0.0.1:${scene.metrics}/statusz`)).text();
  const [, paths = ""] = /^Paths: (.+)$/m.exec(statusz) ?? [];
  const page = ["/services", "/services/a/b", "/syncs", "/plugins", "/profile", "/live", "/none"];
  const open: string[] = [];
  for (const path of [...paths.split(" "), ...page]) {
    const answered = await status(path, "evil.example:10249");
    if (answered !== 421) open.push(`${path} ${answered}`);
    assert.notEqual(await status(path, "HERE:10249"), 421, path);
  }
  assert.deepEqual(open, ["/healthz 200", "/metrics 200", "/metrics/slis 200", "/proxyMode 200"]);
});
