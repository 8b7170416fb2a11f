/**
 * The health server: GET /healthz and /livez, by default on port 10256.
 *
 * @module
 */
import { type Context, Hono } from "hono";
import { type HealthAnswer, type HealthFacts, healthz, livez } from "./proxy_health.ts";

/** What the routes stand on. */
export interface HealthRoutesOptions {
  /** Asked for each probe. */
  readonly facts: () => HealthFacts;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds that a change may wait, as of now: 2 × syncPeriod. */
  readonly timeout: () => number;
  /** Told of each answer, for kubeproxy_proxy_{healthz,livez}_total. */
  readonly observe: (probe: "healthz" | "livez", code: 200 | 503) => void;
}

function respond(context: Context, { code, report }: HealthAnswer): Response {
  return context.body(JSON.stringify(report), code, {
    "Content-Type": "application/json",
    "X-Content-Type-Options": "nosniff",
  });
}

/**
 * Makes the health server's routes.
 *
 * @param options What they stand on.
 * @returns A Hono application.
 */
export function healthRoutes(options: HealthRoutesOptions): Hono {
  const { facts, now, timeout, observe } = options;
  const probe = (name: "healthz" | "livez", judge: typeof healthz) => (context: Context) => {
    const answer = judge(facts(), now(), timeout());
    observe(name, answer.code);
    return respond(context, answer);
  };
  return new Hono()
    .get("/healthz", probe("healthz", healthz))
    .get("/livez", probe("livez", livez));
}
