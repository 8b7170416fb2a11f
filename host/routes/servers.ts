/**
 * The health and metrics servers, as the configuration asks for them.
 *
 * @module
 */
import { Hono } from "hono";
import { type BindAddress, parseBindAddress } from "../../schemas/bind_address.ts";
import type { WeirConfig } from "../../schemas/config.ts";
import type { Clock } from "../clock.ts";
import type { PageFacts } from "../page/facts.ts";
import type { PageBindings } from "../page/page.tsx";
import type { PluginRoster } from "../plugin_roster.ts";
import type { Prepared } from "../prepared.ts";
import type { TraceStore } from "../telemetry/audience.ts";
import { recordHealthcheck } from "../telemetry/healthcheck_metrics.ts";
import type { MachineIds } from "../process/machine.ts";
import type { Logger } from "../telemetry/log.ts";
import type { MetricRegistry } from "../telemetry/metrics.ts";
import { bounded } from "./bounded.ts";
import { insightRoutes, type InsightSource } from "./insight.ts";
import { debugRoutes, type DebugRoutesOptions } from "./debug.ts";
import { guard } from "./guard.ts";
import { healthRoutes } from "./health.ts";
import { metricsRoutes } from "./metrics.ts";
import { pageRoutes } from "./page.ts";
import { type HealthFacts, healthz } from "./proxy_health.ts";
import { type Server, startServer } from "./server.ts";
import { traceRoutes } from "./traces.ts";

/** The part of the configuration that is about the servers. */
export type ServersConfig = Pick<WeirConfig, "healthzBindAddress" | "metricsBindAddress">;

/** What the servers stand on. */
export interface ServersOptions {
  /** The configuration in force, for the pages. */
  readonly config: () => WeirConfig;
  /** Told when an address cannot be bound at the start, and the configuration has it that hard. */
  readonly fail: (fault: unknown) => void;
  /** For /configz. */
  readonly machine: MachineIds;
  readonly registry: MetricRegistry;
  /** The last syncs. */
  readonly traces: TraceStore;
  readonly debug: DebugRoutesOptions;
  /** Answers who looks inside. */
  readonly insight: InsightSource;
  /** What the page shows of the cluster. */
  readonly tracker: PageFacts["tracker"];
  readonly revisions: PageFacts["revisions"];
  readonly looked: PageFacts["looked"];
  readonly silence: PageFacts["silence"];
  readonly roster: Pick<PluginRoster, "list">;
  /** Asked for each probe. */
  readonly facts: () => HealthFacts;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Milliseconds that a change may wait before the proxier is unhealthy (KEP-3836).
 *
 * @param config Has the sync period.
 * @returns Twice the sync period.
 */
export function healthTimeout(config: WeirConfig): number {
  return 2 * config.proxier.syncPeriod;
}

/** One server, wherever it listens. */
interface Role {
  readonly name: string;
  readonly flag: string;
  readonly field: "healthzBindAddress" | "metricsBindAddress";
  readonly port: number;
  /** Is told what ends its server: a stream must not keep it. */
  readonly handler: (request: Request, closing: AbortSignal) => Response | Promise<Response>;
}

/** A server at an address. */
interface Place {
  readonly address: BindAddress;
  readonly server: Server;
  readonly controller: AbortController;
}

/** Both cannot be bound at once: one port, and the same address or one that is every address. */
function overlap(one: BindAddress, other: BindAddress): boolean {
  const every = (ip: string) => ip === "0.0.0.0" || ip === "::";
  return one.port === other.port && (one.ip === other.ip || every(one.ip) || every(other.ip));
}

/** The servers for health and metrics, where the configuration wants them. */
export class Servers {
  readonly #options: ServersOptions;
  readonly #roles: readonly Role[];
  readonly #places = new Map<Role, Place>();
  readonly #ending = new Set<Promise<void>>();
  #stopped = false;

  /**
   * Starts them. A port that is taken is tried again, unless bindAddressHardFail.
   *
   * @param config Where.
   * @param options What they stand on.
   */
  constructor(
    config: ServersConfig & Pick<WeirConfig, "bindAddressHardFail">,
    options: ServersOptions,
  ) {
    const { registry, facts, clock } = options;
    this.#options = options;
    const health = healthRoutes({
      facts,
      now: () => clock.now(),
      timeout: () => healthTimeout(options.config()),
      observe: (probe, code) => {
        registry.metrics[probe].inc({ code: String(code) });
        recordHealthcheck(registry.metrics, { name: "proxy", type: probe, healthy: code === 200 });
      },
    });
    const metrics = metricsRoutes({
      metrics: registry,
      config: options.config,
      // Upstream's /healthz of this port has the one check "ping".
      pinged: () =>
        recordHealthcheck(registry.metrics, { name: "ping", type: "healthz", healthy: true }),
      machine: options.machine,
    });
    const pages = new Hono<{ Bindings: PageBindings }>()
      .use(guard(() => options.config().nodeName))
      .use(bounded(clock))
      .route("/", metrics)
      .route("/", pageRoutes(pageFacts(options), clock))
      .route("/debug/traces", traceRoutes(options.traces))
      .route("/", insightRoutes(options.insight))
      .route("/", debugRoutes(options.debug, () => options.config().featureGates, clock));
    this.#roles = [
      {
        name: "health",
        flag: "healthz-bind-address",
        field: "healthzBindAddress",
        port: 10256,
        handler: (request) => health.fetch(request),
      },
      {
        name: "metrics",
        flag: "metrics-bind-address",
        field: "metricsBindAddress",
        port: 10249,
        handler: (request, closing) => pages.fetch(request, { closing }),
      },
    ];
    for (const role of this.#roles) {
      const address = addressOf(role, config);
      if (address === undefined) continue;
      const place = this.#start(role, address, config.bindAddressHardFail ? "fail" : "retry");
      place.server.bound.catch(options.fail);
      this.#open(role, place);
    }
  }

  /**
   * Binds where another configuration wants the servers; those whose address stays are not touched.
   *
   * @param config Where.
   * @returns Bound, and answering already.
   * @throws {WeirError} WEIR_BIND when an address cannot be bound; nothing is bound then.
   */
  async prepare(config: ServersConfig): Promise<Prepared> {
    // Among them may be one whose successor waits for its port.
    await Promise.all(this.#ending);
    const moves = this.#roles.map((role) => ({
      role,
      from: this.#places.get(role),
      to: addressOf(role, config),
    })).filter(({ from, to }) => !same(from?.address, to));
    const bound = new Map<Role, Place>();
    const abort = () => bound.forEach((place) => this.#close(place));
    try {
      for (const { role, from, to } of moves) {
        if (to === undefined || (from !== undefined && overlap(from.address, to))) continue;
        const place = this.#start(role, to, "fail");
        bound.set(role, place);
        await place.server.bound;
      }
    } catch (thrown) {
      abort();
      throw thrown;
    }
    return {
      commit: () => {
        for (const { role, from, to } of moves) {
          this.#places.delete(role);
          if (from !== undefined) this.#close(from);
          const place = bound.get(role);
          if (place !== undefined) this.#open(role, place);
          // The former one's port has to be free first.
          else if (to !== undefined) {
            void from?.server.finished.then(() => this.#open(role, this.#start(role, to, "retry")));
          }
        }
      },
      abort,
    };
  }

  /**
   * Ends them.
   *
   * @returns Settles when everything is closed. Never rejects.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const place of this.#places.values()) this.#close(place);
    await Promise.all(this.#ending);
  }

  #start(role: Role, address: BindAddress, onTaken: "retry" | "fail"): Place {
    const { clock, log } = this.#options;
    const { name, flag, handler } = role;
    const controller = new AbortController();
    const server = startServer({
      name,
      move: `give --${flag} another address`,
      address,
      handler: (request) => handler(request, controller.signal),
      log,
      clock,
      onTaken,
      signal: controller.signal,
    });
    server.bound.catch(() => {});
    return { address, server, controller };
  }

  #open(role: Role, place: Place): void {
    if (this.#stopped) this.#close(place);
    else this.#places.set(role, place);
  }

  #close({ controller, server }: Place): void {
    this.#ending.add(server.finished);
    void server.finished.then(() => this.#ending.delete(server.finished));
    controller.abort();
  }
}

function pageFacts(options: ServersOptions): PageFacts {
  const { config, facts, insight, tracker, revisions, traces, roster, debug } = options;
  const { clock, looked, silence } = options;
  const { zpages: { version, startedAt }, profiling } = debug;
  return {
    node: () => config().nodeName,
    version,
    mode: () => config().mode.name,
    startedAt,
    now: () => clock.now(),
    health: () => healthz(facts(), clock.now(), healthTimeout(config())),
    silence,
    tracker,
    revisions,
    traces,
    plugins: () => roster.list(),
    profiles: profiling === undefined ? undefined : () =>
      new Map(
        [["weir", profiling.host] as const, ...profiling.plugins]
          .map(([name, { last }]) => [name, last]),
      ),
    explain: (service) => insight.explain({ service }),
    looked,
  };
}

function addressOf({ field, port }: Role, config: ServersConfig): BindAddress | undefined {
  if (config[field] === "") return undefined;
  const address = parseBindAddress(config[field], port);
  return typeof address === "string" ? undefined : address;
}

function same(one: BindAddress | undefined, other: BindAddress | undefined): boolean {
  return one?.ip === other?.ip && one?.port === other?.port;
}
