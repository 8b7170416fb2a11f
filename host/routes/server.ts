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

/** Upstream's `wait.Until(fn, 5*time.Second)`. */
const RETRY_MS = 5000;

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

/** Binds, again and again if need be. Undefined when the signal came first. */
async function bind(
  options: ServerOptions,
  handler: (request: Request) => Promise<Response>,
): Promise<Deno.HttpServer<Deno.NetAddr> | undefined> {
  const { name, address, log, clock, onTaken, signal } = options;
  const text = formatBindAddress(address);
  let failures = 0;
  while (!signal.aborted) {
    try {
      const server = Deno.serve({
        hostname: address.ip,
        port: address.port,
        onListen: () => {},
        onError: (error) => {
          log.error("Cannot answer a request", { server: name, err: messageOf(error) });
          return new Response("Internal Server Error\n", { status: 500 });
        },
      }, handler);
      const fields = { server: name, address: text };
      // A recovery shows where the failure showed.
      if (failures > 0) log.info("Serving after all", fields);
      else log.debug("Serving", fields);
      return server;
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
 * Serves until the signal aborts. `[::]` takes IPv4 too, as Go's net.Listen does on Linux.
 *
 * @param options Where, what and for how long.
 * @returns The server; it is not yet bound.
 */
export function startServer(options: ServerOptions): Server {
  const { clock, signal } = options;
  const { handler, cut } = cuttable(options.handler);
  const binding = bind(options, handler);
  const bound = binding.then((server) => server?.addr.port);
  const finished = (async () => {
    const server = await binding.catch(() => undefined);
    if (server === undefined) return;
    if (!signal.aborted) {
      await new Promise<void>((resolve) =>
        signal.addEventListener("abort", () => resolve(), { once: true })
      );
    }
    const cancel = clock.after(GRACE_MS, cut);
    await server.shutdown();
    cancel();
  })();
  return { bound, finished };
}
