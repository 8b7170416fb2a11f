/**
 * The metrics server: /metrics, /configz, /proxyMode and a ping, by default on port 10249.
 *
 * @module
 */
import { Hono } from "hono";
import type { WeirConfig } from "../../schemas/config.ts";
import { formatProxyMode } from "../../schemas/proxy_mode.ts";

/** What the routes stand on. */
export interface MetricsRoutesOptions {
  /** Renders the metrics, and says which media type they are. */
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  /** The configuration in force. */
  readonly config: () => WeirConfig;
  /** Every limit that is enforced, by name, with its unit in the name. */
  readonly limits: Readonly<Record<string, number>>;
}

/** As upstream's text handlers answer. */
const TEXT = { "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff" };

/**
 * Makes the metrics server's routes.
 *
 * /metrics answers in the text format whatever is asked for, as upstream's handler falls back to
 * it; Deno.serve compresses it for whoever accepts that. /configz has upstream's key, so that a
 * reader of kube-proxy's finds the configuration, and weir's limits beside it.
 *
 * @param options What they stand on.
 * @returns A Hono application.
 */
export function metricsRoutes(options: MetricsRoutesOptions): Hono {
  const { metrics, config, limits } = options;
  return new Hono()
    .get("/metrics", async (context) =>
      context.body(await metrics.text(), 200, {
        "Content-Type": metrics.contentType,
        "X-Content-Type-Options": "nosniff",
      }))
    .get("/proxyMode", (context) => context.body(formatProxyMode(config().mode), 200, TEXT))
    .get("/healthz", (context) => context.body("ok", 200, TEXT))
    .get("/configz", (context) =>
      context.body(
        JSON.stringify({ "kubeproxy.config.k8s.io": config(), "weir": { limits } }),
        200,
        { "Content-Type": "application/json", "X-Content-Type-Options": "nosniff" },
      ));
}
