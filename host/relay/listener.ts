/**
 * One NodePort on one loopback address: listens, and relays each connection to an endpoint.
 *
 * @module
 */
import type { Log } from "../../schemas/capability.ts";
import { messageOf } from "../../schemas/errors.ts";
import type { EndpointView } from "../../schemas/view.ts";
import type { Clock } from "../clock.ts";
import { sleep } from "../sleep.ts";
import { relay } from "./connection.ts";
import { Semaphore } from "./semaphore.ts";

/** Milliseconds before the next attempt to listen, or to accept after a failure. */
const RETRY_MS = 5000;

/** Milliseconds for an endpoint to answer; then another is tried. */
const CONNECT_MS = 2000;

/** How many endpoints one client is tried with. */
const MOST_TRIES = 3;

/** What a listener stands on. */
export interface ListenerOptions {
  /** `127.0.0.1` or `::1`. */
  readonly ip: string;
  /** The NodePort. */
  readonly port: number;
  /** Chooses an endpoint that was not tried yet. */
  readonly choose: (tried: readonly EndpointView[]) => EndpointView | undefined;
  /** Connections at a time; more wait in the kernel's queue. */
  readonly mostConnections: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Told when it begins to listen, when it ends, and of each failure to begin. */
  readonly observe: (event: "listening" | "closed" | "failed") => void;
  /** Ends the listening; connections go on, as those of a NodePort's rules do. */
  readonly listening: AbortSignal;
  /** Breaks off the connections. */
  readonly relaying: AbortSignal;
}

async function connect(
  { choose, relaying }: ListenerOptions,
): Promise<Deno.TcpConn | undefined> {
  const tried: EndpointView[] = [];
  while (tried.length < MOST_TRIES && !relaying.aborted) {
    const endpoint = choose(tried);
    if (endpoint === undefined) return undefined;
    tried.push(endpoint);
    try {
      const signal = AbortSignal.any([relaying, AbortSignal.timeout(CONNECT_MS)]);
      return await Deno.connect({ hostname: endpoint.ip, port: endpoint.port, signal });
    } catch {
      // The client has not sent anything to it: another endpoint may serve it.
    }
  }
  return undefined;
}

async function serve(client: Deno.TcpConn, options: ListenerOptions): Promise<void> {
  const endpoint = await connect(options);
  if (endpoint === undefined) return client.close();
  for (const connection of [client, endpoint]) {
    // A peer that is gone without a word is found out, and its place is free again.
    connection.setKeepAlive(true);
    connection.setNoDelay(true);
  }
  await relay(client, endpoint, options.relaying);
}

/** Accepts until the listener is closed; throws when it cannot. */
async function accept(
  listener: Deno.TcpListener,
  places: Semaphore,
  options: ListenerOptions,
): Promise<void> {
  while (await places.take(options.listening)) {
    let client: Deno.TcpConn;
    try {
      client = await listener.accept();
    } catch (thrown) {
      places.release();
      throw thrown;
    }
    void serve(client, options).catch((thrown) => {
      options.log.debug("Connection to a NodePort on loopback broke", { err: messageOf(thrown) });
    }).finally(() => places.release());
  }
}

/**
 * Listens until it is told to end, again and again if need be.
 *
 * @param options Where, for whom and for how long.
 * @returns Settles when the port is free. Never rejects.
 */
export async function listenOnLoopback(options: ListenerOptions): Promise<void> {
  const { ip, port, clock, log, observe, listening } = options;
  const places = new Semaphore(options.mostConnections);
  let failures = 0;
  while (!listening.aborted) {
    let listener: Deno.TcpListener;
    try {
      listener = Deno.listen({ hostname: ip, port });
    } catch (thrown) {
      observe("failed");
      if (failures++ === 0) {
        const state = thrown instanceof Deno.errors.AddrInUse
          ? "another process listens there: stop it, or give the Service another nodePort"
          : messageOf(thrown);
        log.error(`Cannot listen on "${ip}" at NodePort ${port}: ${state}`, {
          retrySeconds: RETRY_MS / 1000,
        });
      }
      await sleep(clock, RETRY_MS, listening);
      continue;
    }
    if (failures > 0) log.info("Listening after all", { address: ip, nodePort: port });
    failures = 0;
    const close = () => listener.close();
    listening.addEventListener("abort", close);
    observe("listening");
    try {
      await accept(listener, places, options);
    } catch (thrown) {
      if (!listening.aborted) {
        // Out of descriptors, for example: not again at once.
        listener.close();
        log.error(`Cannot accept on "${ip}" at NodePort ${port}: ${messageOf(thrown)}`, {});
        await sleep(clock, RETRY_MS, listening);
      }
    } finally {
      listening.removeEventListener("abort", close);
      observe("closed");
    }
  }
}
