/**
 * The metrics server: /metrics, /configz, /proxyMode and a ping, by default on port 10249.
 *
 * @module
 */
import { Hono } from "hono";
import type { WeirConfig } from "../../schemas/config.ts";

/** What the routes stand on. */
export interface MetricsRoutesOptions {
  /** Renders the metrics, and says which media type they are. */
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  /** The configuration in force. */
  readonly config: () => WeirConfig;
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
  const { metrics, config } = options;
  return new Hono()
    .get("/metrics", async (context) =>
      context.body(await metrics.text(), 200, {
        "Content-Type": metrics.contentType,
        "X-Content-Type-Options": "nosniff",
      }))
    .get("/proxyMode", (context) => context.body(config().mode.name, 200, TEXT))
    .get("/healthz", (context) => context.body("ok", 200, TEXT))
    .get("/configz", (context) =>
      context.body(
        JSON.stringify({
          "kubeproxy.config.k8s.io": config(),
          "weir": { limits: config().limits },
        }),
        200,
        { "Content-Type": "application/json", "X-Content-Type-Options": "nosniff" },
      ));
}
