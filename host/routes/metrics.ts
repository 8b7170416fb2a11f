/**
 * The metrics server: /metrics, /configz, /proxyMode and a ping, by default on port 10249.
 *
 * @module
 */
import { type Context, Hono } from "hono";
import type { WeirConfig } from "../../schemas/config.ts";
import { CONTENT_TYPES, formatFor } from "../telemetry/exposition.ts";
import { maskedWhole } from "../telemetry/masked.ts";
import type { MetricPage, MetricRegistry } from "../telemetry/metrics.ts";
import type { MachineIds } from "../process/machine.ts";
import { oneByOne } from "../turns.ts";
import { acceptsGzip, gzipped, streamed } from "./compressed.ts";

/** What the routes stand on. */
export interface MetricsRoutesOptions {
  readonly metrics: Pick<MetricRegistry, "render" | "resetSlis">;
  /** Told of each ping of /healthz, for kubernetes_healthcheck. */
  readonly pinged: () => void;
  /** The configuration in force. */
  readonly config: () => WeirConfig;
  /** Which machine this is, for whoever debugs. */
  readonly machine: MachineIds;
}

/** As upstream's text handlers answer. */
const TEXT = { "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff" };

/** What is in force, without what was shown as it was written. */
function shown(config: WeirConfig): Omit<WeirConfig, "written"> {
  const { written: _, ...rest } = config;
  return rest;
}

/**
 * Makes the metrics server's routes.
 *
 * /metrics and /metrics/slis answer in OpenMetrics to who asks for it, and in the text format to
 * everyone else, as upstream's handler falls back to it, by gzip for whoever accepts that. DELETE
 * /metrics/slis forgets, as component-base's does. /configz has kube-proxy's document under upstream's key, as 1.36 serves it, weir's own document beside it, and under `weir`
 * what they and the command line come to, and which machine this is.
 *
 * @param options What they stand on.
 * @returns A Hono application.
 */
export function metricsRoutes(options: MetricsRoutesOptions): Hono {
  const { metrics, config, machine, pinged } = options;
  const turn = oneByOne();
  const page = (name: MetricPage) => async (context: Context) => {
    const format = formatFor(context.req.header("Accept"));
    const pieces = await metrics.render(format, name);
    const headers: HeadersInit = {
      "Content-Type": CONTENT_TYPES[format],
      "Vary": "Accept, Accept-Encoding",
      "X-Content-Type-Options": "nosniff",
    };
    if (!acceptsGzip(context.req.header("Accept-Encoding"))) {
      return context.body(streamed(pieces, turn), 200, headers);
    }
    return context.body(gzipped(pieces, turn), 200, { ...headers, "Content-Encoding": "gzip" });
  };
  return new Hono()
    .get("/metrics", page("metrics"))
    .get("/metrics/slis", page("slis"))
    .delete("/metrics/slis", (context) => {
      metrics.resetSlis();
      return context.body("metrics reset\n", 200, TEXT);
    })
    .get("/proxyMode", (context) => {
      const { mode, inPlaceOf } = config();
      // The body stays the mode that serves, which is what tools compare.
      const asked: HeadersInit = inPlaceOf === "" ? {} : { "Weir-In-Place-Of": inPlaceOf };
      return context.body(mode.name, 200, { ...TEXT, ...asked });
    })
    .get("/healthz", (context) => {
      pinged();
      return context.body("ok", 200, TEXT);
    })
    .get("/configz", (context) =>
      context.body(
        // A password in a URL is nobody's business, wherever the URL is.
        JSON.stringify(maskedWhole({
          "kubeproxy.config.k8s.io": config().written.kubeProxy,
          "weir.dev": config().written.weir,
          "weir": { ...shown(config()), machine },
        })),
        200,
        { "Content-Type": "application/json", "X-Content-Type-Options": "nosniff" },
      ));
}
