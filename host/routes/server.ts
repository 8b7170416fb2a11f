/**
 * Serves routes on an address, patiently: a port that is taken when weir replaces kube-proxy will
 * be free in a moment.
 *
 * @module
 */
import { type BindAddress, formatBindAddress } from "../../schemas/bind_address.ts";
import type { Log } from "../../schemas/capability.ts";
import { messageOf, WeirError } from "../../schemas/errors.ts";
import type { Clock } from "../clock.ts";
import { sleep } from "../sleep.ts";
import { SlowReader } from "./sendings.ts";

/** Upstream's `wait.Until(fn, 5*time.Second)`. */
const RETRY_MS = 5000;

/** Milliseconds before a server that was lost listens anew. */
const PAUSE_MS = 500;

/** Milliseconds that requests under way have to finish once the signal has aborted. */
const GRACE_MS = 1000;

/** What a server stands on. */
export interface ServerOptions {
  /** For log lines: `health` or `metrics`. */
  readonly name: string;
  /** How to move it elsewhere, for the remedy: `give --healthz-bind-address another address`. */
  readonly move: string;
  readonly address: BindAddress;
  /** Answers a request. */
  readonly handler: (request: Request) => Response | Promise<Response>;
  readonly log: Log;
  readonly clock: Clock;
  /** `retry` every 5 s, or `fail` at once (bindAddressHardFail). */
  readonly onTaken: "retry" | "fail";
  /** Ends the server. */
  readonly signal: AbortSignal;
}

/** A server that is up or trying to be. */
export interface Server {
  /**
   * Settles with the port once it is bound, or with undefined when the signal came first.
   * Rejects with WEIR_BIND when binding failed and `onTaken` is `fail`.
   */
  readonly bound: Promise<number | undefined>;
  /** Settles after the signal has aborted and everything is closed. Never rejects. */
  readonly finished: Promise<void>;
}

/** What an operator can do about a failure to bind. */
function remedy(error: unknown, { address, move }: ServerOptions): string {
  if (error instanceof Deno.errors.AddrInUse) {
    return `another process listens on port ${address.port} (kube-proxy, or another weir?): ` +
      `stop it or ${move}`;
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return `no interface of this node has ${address.ip}: ${move}`;
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return `ports below 1024 need CAP_NET_BIND_SERVICE: ${move}`;
  }
  // Deno has no class for it.
  if (error instanceof Error && "code" in error && error.code === "EAFNOSUPPORT") {
    return `this kernel has no IPv6 (it was built without, or started with ipv6.disable=1): ${move}, ` +
      `0.0.0.0:${address.port} for every one of this node's`;
  }
  return messageOf(error);
}

/**
 * Answers requests until it is cut: whoever still waits then gets 503, because Deno's `shutdown()`
 * waits for handlers for ever, and cannot be hurried by the server's signal.
 */
function cuttable(handler: ServerOptions["handler"]) {
  // A set rather than one promise to race against, which would keep a reaction for every request.
  const waiting = new Set<() => void>();
  return {
    cut: () => waiting.forEach((stop) => stop()),
    handler: (request: Request) =>
      new Promise<Response>((resolve, reject) => {
        const stop = () => resolve(new Response("Shutting down\n", { status: 503 }));
        waiting.add(stop);
        // A handler that throws must reject, not throw.
        (async () => await handler(request))().then(resolve, reject)
          .finally(() => waiting.delete(stop));
      }),
  };
}

/** A server that is bound. */
interface Bound {
  readonly port: number;
  /** Settles when it is over; rejects when it cannot accept connections any more. */
  readonly finished: Promise<void>;
  /** Accepts no more, and lets requests under way be answered. */
  readonly shutdown: () => Promise<void>;
  /** Ends it with all its connections. */
  readonly drop: () => void;
}

/** Binds, again and again if need be. Undefined when the signal came first. */
async function bind(
  options: ServerOptions,
  handler: (request: Request) => Promise<Response>,
): Promise<Bound | undefined> {
  const { name, address, log, clock, onTaken, signal } = options;
  const text = formatBindAddress(address);
  let failures = 0;
  while (!signal.aborted) {
    try {
      const controller = new AbortController();
      const server = Deno.serve({
        hostname: address.ip,
        port: address.port,
        signal: controller.signal,
        onListen: () => {},
        onError: (error) => {
          if (error instanceof SlowReader) return new Response("Too slow\n", { status: 503 });
          log.error("Cannot answer a request", { server: name, err: messageOf(error) });
          return new Response("Internal Server Error\n", { status: 500 });
        },
      }, handler);
      const fields = { server: name, address: text };
      // A recovery shows where the failure showed.
      if (failures > 0) log.info("Serving after all", fields);
      else log.debug("Serving", fields);
      return {
        port: server.addr.port,
        finished: server.finished,
        shutdown: () => server.shutdown(),
        drop: () => controller.abort(),
      };
    } catch (error) {
      const state = remedy(error, options);
      if (onTaken === "fail") {
        throw new WeirError("WEIR_BIND", `Cannot bind "${text}" for ${name}: ${state}`, {
          cause: error,
        });
      }
      // Once, not every five seconds.
      if (failures++ === 0) {
        log.error(`Cannot bind "${text}" for ${name}: ${state}`, { retrySeconds: RETRY_MS / 1000 });
      }
      await sleep(clock, RETRY_MS, signal);
    }
  }
  return undefined;
}

/**
 * Waits until a server is to end, or cannot accept any more: Deno gives up a listener at the first
 * failure, and the usual one is that whoever it is has opened more connections than the process may
 * have files (EMFILE). Those connections have to go, as everything else of weir needs files, too.
 *
 * @returns Whether it was lost.
 */
async function lost(server: Bound, { name, log, signal }: ServerOptions): Promise<boolean> {
  const ended = Promise.withResolvers<false>();
  const end = () => ended.resolve(false);
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  const failed = server.finished.then(() => false, (error) => {
    log.error(
      "Cannot accept connections any more: all that are open are closed, and weir listens anew",
      { server: name, err: messageOf(error) },
    );
    server.drop();
    return true;
  });
  const answer = await Promise.race([failed, ended.promise]);
  signal.removeEventListener("abort", end);
  return answer;
}

/**
 * Serves until the signal aborts. `[::]` takes IPv4 too, as Go's net.Listen does on Linux.
 *
 * @param options Where, what and for how long.
 * @returns The server; it is not yet bound.
 */
export function startServer(options: ServerOptions): Server {
  const { clock, signal } = options;
  const { handler, cut } = cuttable(options.handler);
  const binding = bind(options, handler);
  const bound = binding.then((server) => server?.port);
  const finished = (async () => {
    let server = await binding.catch(() => undefined);
    while (server !== undefined && await lost(server, options)) {
      await sleep(clock, PAUSE_MS, signal);
      const address = { ...options.address, port: server.port };
      server = await bind({ ...options, address, onTaken: "retry" }, handler);
    }
    if (server === undefined) return;
    const cancel = clock.after(GRACE_MS, cut);
    await server.shutdown();
    cancel();
  })();
  return { bound, finished };
}
