/**
 * How much of weir whoever asks the metrics server may have at a time.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import type { Clock } from "../clock.ts";
import { Turns } from "../turns.ts";
import { Sendings } from "./sendings.ts";

/** Answers that are made at a time; while one waits for the proxier others are made. */
const MOST = 4;

/** Requests that may wait for their turn. */
const WAITING = 28;

/**
 * What takes no turn: it costs nothing, and load balancers and people wait for it; or it is bounded
 * in its own way, as it lasts.
 */
const UNCOUNTED =
  /^\/(?:healthz|livez|live|proxyMode|debug\/pprof\/(?:allocs|heap|profile|trace))$/;

/**
 * Makes the bound. It comes before all routes that it is to bound.
 *
 * @param clock Time.
 * @returns Lets a few requests be answered at a time, the others wait, and too many get 503.
 */
export function bounded(clock: Clock): MiddlewareHandler {
  const turns = new Turns({ most: MOST, waiting: WAITING, clock });
  const sendings = new Sendings({ clock });
  return async (context, next) => {
    const giveBack = UNCOUNTED.test(context.req.path)
      ? () => {}
      : await turns.take(context.req.raw.signal);
    if (giveBack === undefined) {
      return context.body(
        `${MOST + WAITING} requests are under way: ask again in a second\n`,
        503,
        {
          "Content-Type": "text/plain; charset=utf-8",
          "Retry-After": "1",
          "X-Content-Type-Options": "nosniff",
        },
      );
    }
    try {
      await next();
      context.res = await sendings.send(context.res);
    } finally {
      giveBack();
    }
    return;
  };
}
