/**
 * What the API server's client and a kubeconfig's exec plugin tell the metrics, as client-go's do.
 *
 * @module
 */
import type { ExecCall } from "../../schemas/credentials.ts";
import type { ClientEvent } from "../source/kube/client_event.ts";
import type { MetricRegistry, Metrics } from "./metrics.ts";

/** weir only reads. */
const VERB = "GET";

/**
 * Records what happened to a request.
 *
 * @param metrics The instruments.
 * @param event What happened.
 */
export function recordClient(metrics: Metrics, event: ClientEvent): void {
  switch (event.type) {
    case "limited": {
      const labels = { verb: VERB, host: event.host };
      metrics.rateLimiterDuration.observe(labels, event.milliseconds / 1000);
      // A GET has no body.
      metrics.requestSize.observe(labels, 0);
      break;
    }
    case "answer":
      metrics.requests.inc({ code: event.code, method: VERB, host: event.host });
      break;
    case "retry":
      metrics.requestRetries.inc({ code: event.code, verb: VERB, host: event.host });
      break;
    case "done": {
      const labels = { verb: VERB, host: event.host };
      metrics.requestDuration.observe(labels, event.milliseconds / 1000);
      metrics.responseSize.observe(labels, event.bytes);
      break;
    }
    case "lookup":
      metrics.dnsDuration.observe({ host: event.host }, event.milliseconds / 1000);
      break;
    case "transport":
      metrics.transports.set(event.entries);
      metrics.transportCalls.inc({ result: event.result });
  }
}

/**
 * Records the calls of an exec plugin, and how long its certificate lives.
 *
 * @param registry The instruments, and when they are asked for.
 * @param now Milliseconds since the epoch.
 * @returns To be told of each call.
 */
export function execPluginRecorder(
  registry: MetricRegistry,
  now: () => number,
): (call: ExecCall) => void {
  const { metrics } = registry;
  let certificate: ExecCall["certificate"];
  registry.onScrape(() => {
    // As client-go says it while no plugin has given a certificate.
    const end = certificate?.endsAt ?? Infinity;
    metrics.execPluginTtl.set((end - now()) / 1000);
  });
  return (call) => {
    metrics.execPluginCalls.inc({ code: String(call.code), call_status: call.status });
    if (call.certificate === undefined) return;
    if (certificate !== undefined && certificate.beginsAt !== call.certificate.beginsAt) {
      metrics.execPluginRotation.observe({}, (now() - certificate.beginsAt) / 1000);
    }
    certificate = call.certificate;
  };
}
