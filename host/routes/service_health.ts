/**
 * The health check node port of a Service: may a load balancer send this node its connections?
 *
 * Upstream: pkg/proxy/healthcheck/service_health.go.
 *
 * @module
 */
import { Hono } from "hono";
import type { ServiceHealth } from "../../schemas/health.ts";

/** What a load balancer is told, in upstream's JSON. */
export interface ServiceHealthReport {
  /** Whose port it is. */
  readonly service: { readonly namespace: string; readonly name: string };
  /** How many endpoints of this node are ready. */
  readonly localEndpoints: number;
  /** Of the proxier alone, as /livez has it: a node that is drained keeps what it serves. */
  readonly serviceProxyHealthy: boolean;
}

/** An answer to a load balancer. */
export interface ServiceHealthAnswer {
  /** Whether this node gets new connections. */
  readonly code: 200 | 503;
  /** The body. */
  readonly report: ServiceHealthReport;
}

/**
 * Answers a load balancer.
 *
 * @param health Of the Service, as the kernel has it.
 * @param proxyHealthy Whether the proxier keeps up with the changes.
 * @returns 200 when an endpoint of this node is ready and the proxier keeps up, else 503.
 */
function serviceHealth(health: ServiceHealth, proxyHealthy: boolean): ServiceHealthAnswer {
  const { namespace, name, localEndpoints } = health;
  return {
    code: localEndpoints > 0 && proxyHealthy ? 200 : 503,
    report: {
      service: { namespace, name },
      localEndpoints,
      serviceProxyHealthy: proxyHealthy,
    },
  };
}

/** What the routes stand on. */
export interface ServiceHealthRoutesOptions {
  /** Asked for each request; undefined when the port is nobody's any more. */
  readonly health: () => ServiceHealth | undefined;
  /** Asked for each request. */
  readonly proxyHealthy: () => boolean;
}

/**
 * Makes the routes of one health check node port: every path and method answers alike, as a load
 * balancer may be set to any.
 *
 * @param options What they stand on.
 * @returns A Hono application.
 */
export function serviceHealthRoutes({ health, proxyHealthy }: ServiceHealthRoutesOptions): Hono {
  return new Hono().all("*", (context) => {
    const current = health();
    if (current === undefined) return context.body("No Service has this port\n", 503);
    const { code, report } = serviceHealth(current, proxyHealthy());
    return context.body(JSON.stringify(report), code, {
      "Content-Type": "application/json",
      "X-Content-Type-Options": "nosniff",
      // Load balancers that weigh their nodes read it, Google's among them.
      "X-Load-Balancing-Endpoint-Weight": String(report.localEndpoints),
    });
  });
}
