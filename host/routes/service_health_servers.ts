/**
 * The HTTP servers of the health check node ports: one port for each Service that has one, on each
 * address where NodePorts answer.
 *
 * @module
 */
import type { Log } from "../../schemas/capability.ts";
import type { ServiceHealth } from "../../schemas/health.ts";
import type { Clock } from "../clock.ts";
import { startServer } from "./server.ts";
import { serviceHealthRoutes } from "./service_health.ts";

/** What the servers stand on. */
export interface ServiceHealthServersOptions {
  /** Whether the proxier keeps up with the changes; asked for each request. */
  readonly proxyHealthy: () => boolean;
  readonly log: Log;
  readonly clock: Clock;
}

/** A port, and the Services that want it in the order in which they came: the first has it. */
interface Claim {
  readonly port: number;
  readonly keys: string[];
  /** By address. */
  readonly servers: Map<string, Running>;
}

/** A server that is up, trying to be, or waiting for its predecessor. */
interface Running {
  readonly controller: AbortController;
  readonly finished: Promise<void>;
}

/**
 * Keeps the servers as the Services are: they come and go, and a port changes hands, without a
 * request being refused in between. A port that another process has is tried again and harms no
 * other Service.
 */
export class ServiceHealthServers {
  readonly #options: ServiceHealthServersOptions;
  readonly #healths = new Map<string, ServiceHealth>();
  readonly #claims = new Map<number, Claim>();
  /**
   * Servers on their way out, by port: the next ones there wait for them, as `[::]` cannot be bound
   * while any address of the port is.
   */
  readonly #closing = new Map<number, Set<Promise<void>>>();
  #addresses: readonly string[] = [];
  #stopped = false;

  /** @param options Whether the proxy is healthy, the log and the clock. */
  constructor(options: ServiceHealthServersOptions) {
    this.#options = options;
  }

  /**
   * Takes in what has changed; costs as much as has changed. To be called when the kernel has it:
   * a load balancer that is told of an endpoint sends traffic at once.
   *
   * @param changes What has become of Services, by `namespace/name`; undefined for one that has no
   * health check node port (any more).
   */
  update(changes: Iterable<readonly [key: string, health: ServiceHealth | undefined]>): void {
    const moved: { readonly key: string; readonly port: number }[] = [];
    const touched = new Set<number>();
    for (const [key, health] of changes) {
      const former = this.#healths.get(key);
      if (health === undefined) this.#healths.delete(key);
      else this.#healths.set(key, health);
      if (former?.port === health?.port) continue;
      if (former !== undefined) {
        this.#release(former.port, key);
        touched.add(former.port);
      }
      if (health !== undefined) moved.push({ key, port: health.port });
    }
    // After all releases: two Services may have exchanged their ports.
    for (const { key, port } of moved) {
      this.#claim(port, key);
      touched.add(port);
    }
    for (const port of touched) {
      const claim = this.#claims.get(port);
      if (claim !== undefined) this.#settle(claim);
    }
  }

  /**
   * Moves all servers.
   *
   * @param addresses Where they listen from now on: canonical texts, each of this node, or one of
   * `0.0.0.0` and `::` alone.
   */
  listenOn(addresses: readonly string[]): void {
    this.#addresses = addresses;
    for (const claim of this.#claims.values()) this.#settle(claim);
  }

  /**
   * Ends all servers; requests under way are still answered.
   *
   * @returns When their ports are free.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const claim of this.#claims.values()) this.#settle(claim);
    await Promise.all([...this.#closing.values()].flatMap((ending) => [...ending]));
  }

  #claim(port: number, key: string): void {
    const claim: Claim = this.#claims.get(port) ?? { port, keys: [], servers: new Map() };
    this.#claims.set(port, claim);
    claim.keys.push(key);
    const [holder] = claim.keys;
    if (holder === key) return;
    this.#options.log.warn(
      `Cannot serve health check "${key}": port ${port} is that of Service ${holder}`,
      { object: `Service ${key}`, path: "spec.healthCheckNodePort" },
    );
  }

  #release(port: number, key: string): void {
    const claim = this.#claims.get(port);
    claim?.keys.splice(claim.keys.indexOf(key), 1);
  }

  /** Makes a port's servers those that are wanted. */
  #settle(claim: Claim): void {
    const wanted = this.#stopped || claim.keys.length === 0 ? [] : this.#addresses;
    for (const [ip, server] of claim.servers) {
      if (wanted.includes(ip)) continue;
      claim.servers.delete(ip);
      this.#close(claim.port, server);
    }
    for (const ip of wanted) {
      if (claim.servers.has(ip)) continue;
      const controller = new AbortController();
      claim.servers.set(ip, { controller, finished: this.#serve(claim, ip, controller.signal) });
    }
    if (claim.keys.length === 0) this.#claims.delete(claim.port);
  }

  #close(port: number, { controller, finished }: Running): void {
    const ending = this.#closing.get(port) ?? new Set();
    this.#closing.set(port, ending.add(finished));
    controller.abort();
    void finished.then(() => {
      ending.delete(finished);
      if (ending.size === 0) this.#closing.delete(port);
    });
  }

  async #serve({ port, keys }: Claim, ip: string, signal: AbortSignal): Promise<void> {
    await Promise.all(this.#closing.get(port) ?? []);
    const { proxyHealthy, log, clock } = this.#options;
    const app = serviceHealthRoutes({
      // Whoever has the port when the request comes: it may change hands.
      health: () => this.#healths.get(this.#claims.get(port)?.keys[0] ?? ""),
      proxyHealthy,
    });
    const server = startServer({
      name: `health check of Service ${keys[0] ?? ""}`,
      move: "give the Service another healthCheckNodePort",
      address: { ip, port },
      handler: (request) => app.fetch(request),
      log,
      clock,
      onTaken: "retry",
      signal,
    });
    await server.finished;
  }
}
