/**
 * The health and metrics servers, as the configuration asks for them.
 *
 * @module
 */
import { parseBindAddress } from "../../schemas/bind_address.ts";
import type { WeirConfig } from "../../schemas/config.ts";
import { messageOf } from "../../schemas/errors.ts";
import { LIMITS } from "../../schemas/wire.ts";
import type { Clock } from "../clock.ts";
import type { Logger } from "../telemetry/log.ts";
import type { MetricRegistry } from "../telemetry/metrics.ts";
import { healthRoutes } from "./health.ts";
import { metricsRoutes } from "./metrics.ts";
import type { HealthFacts } from "./proxy_health.ts";
import { type Server, startServer } from "./server.ts";

/** What the servers stand on. */
export interface ServersOptions {
  readonly config: WeirConfig;
  readonly registry: MetricRegistry;
  /** Asked for each probe. */
  readonly facts: () => HealthFacts;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends them. */
  readonly signal: AbortSignal;
}

/**
 * Milliseconds that a change may wait before the proxier is unhealthy (KEP-3836).
 *
 * @param config Has the sync period.
 * @returns Twice the sync period.
 */
export function healthTimeout(config: WeirConfig): number {
  return 2 * config.nftables.syncPeriod;
}

/**
 * Starts the servers that the configuration asks for. A port that is taken is tried again.
 *
 * @param options What they stand on.
 * @returns Those that were started; each has its end.
 */
export function startServers(options: ServersOptions): Server[] {
  const { config, registry, facts, clock, log, signal } = options;
  const health = healthRoutes({
    facts,
    now: () => clock.now(),
    timeout: healthTimeout(config),
    observe: (probe, code) => registry.metrics[probe].inc({ code: String(code) }),
  });
  const pages = metricsRoutes({ metrics: registry, config, limits: LIMITS });
  return [
    {
      name: "health",
      flag: "healthz-bind-address",
      text: config.healthzBindAddress,
      port: 10256,
      app: health,
    },
    {
      name: "metrics",
      flag: "metrics-bind-address",
      text: config.metricsBindAddress,
      port: 10249,
      app: pages,
    },
  ].flatMap(({ name, flag, text, port, app }) => {
    if (text === "") return [];
    const address = parseBindAddress(text, port);
    if (typeof address === "string") return [];
    const server = startServer({
      name,
      move: `give --${flag} another address`,
      address,
      handler: (request) => app.fetch(request),
      log,
      clock,
      onTaken: "retry",
      signal,
    });
    server.bound.catch((thrown) => log.error(messageOf(thrown)));
    return [server];
  });
}
