import assert from "node:assert/strict";
import type { Log } from "../../schemas/capability.ts";
import { systemClock } from "../clock.ts";
import { SimulatedClock } from "../simulated_clock.ts";
import { type ServerOptions, startServer } from "./server.ts";

function recordingLog(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const at = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  const log = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  return { log, lines };
}

function options(log: Log, signal: AbortSignal, more: Partial<ServerOptions> = {}): ServerOptions {
  return {
    name: "health",
    move: "give --healthz-bind-address another address",
    address: { ip: "127.0.0.1", port: 0 },
    handler: () => new Response("hello"),
    log,
    clock: systemClock,
    onTaken: "retry",
    signal,
    ...more,
  };
}

/** The body of a GET over a connection of its own, so that none stays open behind the test. */
async function get(host: string, port: number): Promise<string> {
  const response = await fetch(`http://${host}:${port}/`, { headers: { Connection: "close" } });
  return await response.text();
}

/** A port that nobody has, taken from the kernel and given back. */
function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

Deno.test("a server answers until the signal, and then its port is free", async () => {
  const { log, lines } = recordingLog();
  const controller = new AbortController();
  const server = startServer(options(log, controller.signal));
  const port = await server.bound ?? 0;
  assert.equal(await get("127.0.0.1", port), "hello");
  controller.abort();
  await server.finished;
  Deno.listen({ hostname: "127.0.0.1", port }).close();
  assert.deepEqual(lines, ["debug Serving"]);
});

Deno.test("[::] takes IPv4 and IPv6, as Go's listener does", async () => {
  const controller = new AbortController();
  const { log } = recordingLog();
  const server = startServer(options(log, controller.signal, { address: { ip: "::", port: 0 } }));
  const port = await server.bound ?? 0;
  assert.equal(await get("127.0.0.1", port), "hello");
  assert.equal(await get("[::1]", port), "hello");
  controller.abort();
  await server.finished;
});

Deno.test("a taken port is said once, with the remedy, and served when it is free", async () => {
  const holder = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = holder.addr;
  const { log, lines } = recordingLog();
  const controller = new AbortController();
  const clock = new SimulatedClock();
  const address = { ip: "127.0.0.1", port };
  const server = startServer(options(log, controller.signal, { address, clock }));
  await clock.advance(14_999);
  assert.deepEqual(lines, [
    `error Cannot bind "127.0.0.1:${port}" for health: another process listens on port ${port} ` +
    "(kube-proxy, or another weir?): stop it or give --healthz-bind-address another address",
  ]);
  holder.close();
  await clock.advance(1);
  assert.equal(await server.bound, port);
  assert.equal(await get("127.0.0.1", port), "hello");
  assert.equal(lines[1], "info Serving after all");
  controller.abort();
  await server.finished;
});

Deno.test("a server that waits for its port stops waiting at the signal", async () => {
  const holder = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const controller = new AbortController();
  const clock = new SimulatedClock();
  const address = { ip: "127.0.0.1", port: holder.addr.port };
  const server = startServer(options(recordingLog().log, controller.signal, { address, clock }));
  await clock.advance(1);
  assert.equal(clock.waiting, 1);
  controller.abort();
  await server.finished;
  assert.equal(await server.bound, undefined);
  assert.equal(clock.waiting, 0);
  holder.close();
});

const failures: readonly (readonly [string, () => { ip: string; port: number }, RegExp])[] = [
  // TEST-NET-1 of RFC 5737 is on no machine.
  ["an address of no interface", () => ({ ip: "192.0.2.1", port: freePort() }), /no interface of/],
];

for (const [what, address, message] of failures) {
  Deno.test(`with bindAddressHardFail, ${what} is an error that says what to do`, async () => {
    const { log, lines } = recordingLog();
    const server = startServer(
      options(log, new AbortController().signal, { address: address(), onTaken: "fail" }),
    );
    await assert.rejects(server.bound, { code: "WEIR_BIND", message });
    await server.finished;
    assert.deepEqual(lines, []);
  });
}

Deno.test("with bindAddressHardFail, a taken port is an error that says what to do", async () => {
  const holder = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = { ip: "127.0.0.1", port: holder.addr.port };
  const { log } = recordingLog();
  const server = startServer(
    options(log, new AbortController().signal, { address, onTaken: "fail" }),
  );
  await assert.rejects(server.bound, { code: "WEIR_BIND", message: /another process listens/ });
  await server.finished;
  holder.close();
});

Deno.test("a request under way when the signal comes is still answered", async () => {
  const controller = new AbortController();
  const arrived = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Response>();
  const handler = () => {
    arrived.resolve();
    return answer.promise;
  };
  const server = startServer(options(recordingLog().log, controller.signal, { handler }));
  const body = get("127.0.0.1", await server.bound ?? 0);
  await arrived.promise;
  controller.abort();
  answer.resolve(new Response("late but there"));
  assert.equal(await body, "late but there");
  await server.finished;
});

Deno.test("a request that never ends does not keep the server from stopping", async () => {
  const controller = new AbortController();
  const arrived = Promise.withResolvers<void>();
  const never = Promise.withResolvers<Response>();
  const handler = () => {
    arrived.resolve();
    return never.promise;
  };
  const clock = new SimulatedClock();
  const server = startServer(options(recordingLog().log, controller.signal, { handler, clock }));
  const body = get("127.0.0.1", await server.bound ?? 0);
  await arrived.promise;
  controller.abort();
  await clock.advance(0);
  await clock.advance(1000);
  await server.finished;
  assert.equal(await body, "Shutting down\n");
  never.resolve(new Response("to nobody"));
});

Deno.test("a handler that throws is a 500 and a line in the log, not the end", async () => {
  const controller = new AbortController();
  const { log, lines } = recordingLog();
  let calls = 0;
  const handler = () => {
    if (calls++ === 0) throw new Error("broken");
    return new Response("fine");
  };
  const server = startServer(options(log, controller.signal, { handler }));
  const port = await server.bound ?? 0;
  assert.equal(await get("127.0.0.1", port), "Internal Server Error\n");
  assert.equal(await get("127.0.0.1", port), "fine");
  assert.deepEqual(lines, ["debug Serving", "error Cannot answer a request"]);
  controller.abort();
  await server.finished;
});
