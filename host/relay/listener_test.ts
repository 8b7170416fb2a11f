import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Log } from "../../schemas/capability.ts";
import type { EndpointView } from "../../schemas/view.ts";
import { systemClock } from "../clock.ts";
import { listenOnLoopback } from "./listener.ts";

const IP = "127.0.0.1";

const SILENT: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** A listener that relays to an endpoint which takes connections and says nothing. */
async function stage(mostConnections: number) {
  const silent = Deno.listen({ hostname: IP, port: 0 });
  const endpoint: EndpointView = {
    ip: IP,
    port: silent.addr.port,
    local: true,
    inCluster: true,
    inLocal: false,
  };
  const port = (() => {
    using free = Deno.listen({ hostname: IP, port: 0 });
    return free.addr.port;
  })();
  const [listening, relaying] = [new AbortController(), new AbortController()];
  const state: { endpoint: EndpointView | undefined } = { endpoint };
  const began = Promise.withResolvers<void>();
  const finished = listenOnLoopback({
    ip: IP,
    port,
    choose: () => state.endpoint,
    mostConnections,
    clock: systemClock,
    log: SILENT,
    observe: (event) => event === "listening" && began.resolve(),
    listening: listening.signal,
    relaying: relaying.signal,
  });
  await began.promise;
  const clients: Deno.TcpConn[] = [];
  return {
    listening,
    finished,
    state,
    /** Connects, and waits until the endpoint has the connection. */
    async hold(): Promise<void> {
      clients.push(await Deno.connect({ hostname: IP, port }));
      clients.push(await silent.accept());
    },
    /** Connects when there is no endpoint: it is closed at once. */
    async pass(): Promise<void> {
      using client = await Deno.connect({ hostname: IP, port });
      assert.equal(await client.read(new Uint8Array(1)), null);
    },
    [Symbol.asyncDispose]: async () => {
      relaying.abort();
      listening.abort();
      for (const client of clients) client.close();
      silent.close();
      await finished;
    },
  };
}

/** Bytes of the heap that are in use once the rest is collected. */
function heapInUse(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return Deno.memoryUsage().heapUsed;
}

Deno.test("a listener with all the connections it may have ends when it is told to", async () => {
  await using scene = await stage(2);
  await scene.hold();
  await scene.hold();
  scene.listening.abort();
  const late = Promise.withResolvers<string>();
  const timer = setTimeout(late.resolve, 5000, "still waiting");
  const ended = scene.finished.then(() => "ended");
  const outcome = await Promise.race([ended, late.promise]);
  clearTimeout(timer);
  assert.equal(outcome, "ended");
});

Deno.test("short connections leave nothing behind while long ones go on", async () => {
  const [long, short] = [63, 1000];
  await using scene = await stage(long + 1);
  for (let count = 0; count < long; count++) await scene.hold();
  scene.state.endpoint = undefined;
  for (let count = 0; count < 100; count++) await scene.pass();
  const before = heapInUse();
  for (let count = 0; count < short; count++) await scene.pass();
  const each = (heapInUse() - before) / short;
  assert.ok(each < 1000, `each left ${each} bytes`);
});
