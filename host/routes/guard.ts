/**
 * Whom the metrics server answers: nobody who speaks through an operator's browser without the
 * operator's knowledge.
 *
 * The port has no login, as kube-proxy's has none: who reaches it may read it. A browser on the
 * node, or behind a tunnel to it, reaches it too, and runs what any site gave it. Such a site can
 * send requests (it cannot read the answers, but some cost the node much), and with a name that it
 * lets resolve to the node's address (DNS rebinding) it would be of one origin with weir and read
 * everything.
 *
 * @module
 */
import type { Context, MiddlewareHandler } from "hono";
import { parseIp } from "../../schemas/ip.ts";

/**
 * What kube-proxy tells anybody, and scrapers and load balancers ask by whatever name they know.
 * They say nothing of the cluster but how much there is of it, unless the operator has /metrics
 * count single Services: then it names them, as Prometheus needs it.
 */
const OPEN: ReadonlySet<string> = new Set([
  "/healthz",
  "/livez",
  "/metrics",
  "/metrics/slis",
  "/proxyMode",
]);

const READING: ReadonlySet<string> = new Set(["GET", "HEAD"]);

/** Work that is done for each asking; its index costs nothing. */
const COSTLY = /^\/debug\/pprof\/./;

const HEADERS = {
  "Cache-Control": "no-store",
  "Content-Type": "text/plain; charset=utf-8",
  "X-Content-Type-Options": "nosniff",
};

/**
 * Whether a request was meant for this node: one of a site whose name was rebound names that site.
 *
 * @param host The header Host, or undefined.
 * @param node The node's name.
 * @returns True for any address (nobody can rebind that), localhost and the node's name.
 */
function isMeantForUs(host: string | undefined, node: string): boolean {
  // RFC 9112 3.2: a request of HTTP/1.1 without Host is no request; a browser always sends it.
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/i.exec(host ?? "");
  if (match === null) return false;
  const [, bracketed, plain = ""] = match;
  if (bracketed !== undefined) return parseIp(bracketed) !== undefined;
  const name = plain.toLowerCase();
  return name === "localhost" || name === node.toLowerCase() || parseIp(name) !== undefined;
}

/** Whether Origin, which a browser sends with all that is not GET or HEAD, is of this server. */
function isOwnOrigin(origin: string, host: string | undefined): boolean {
  return URL.parse(origin)?.host === host?.toLowerCase().replace(/:80$/, "");
}

/**
 * Whether another site's document asks, rather than a person. Browsers say so on https and on
 * loopback alone (W3C Fetch Metadata); everywhere else Host and Origin must do.
 */
function isForeign({ req }: Context): boolean {
  const site = req.header("Sec-Fetch-Site");
  if (site !== "cross-site" && site !== "same-site") return false;
  // A link in a wiki or a chat, that a person followed.
  const followed = req.method === "GET" && req.header("Sec-Fetch-Mode") === "navigate" &&
    req.header("Sec-Fetch-Dest") === "document";
  return !followed || COSTLY.test(req.path);
}

/**
 * Makes the guard. It comes before all routes of the server.
 *
 * @param node Tells the node's name.
 * @returns Refuses with 421 (a name that is not this node's) or 403 (another site), and lets go on
 * what is meant for this node.
 */
export function guard(node: () => string): MiddlewareHandler {
  return async (context, next) => {
    const { req } = context;
    const reads = READING.has(req.method);
    if (reads && OPEN.has(req.path)) return await next();
    const host = req.header("Host");
    if (!isMeantForUs(host, node())) {
      return context.body(
        "Ask for this by an address of the node, its name or localhost (kubectl port-forward): " +
          "other names could be another site's\n",
        421,
        HEADERS,
      );
    }
    const origin = req.header("Origin");
    if (isForeign(context) || !(reads || origin === undefined || isOwnOrigin(origin, host))) {
      return context.body(
        "Another site asks for this through your browser: enter the address by hand, or use curl\n",
        403,
        HEADERS,
      );
    }
    await next();
    // Whoever embeds it is not handed it either, where the browser did not say who asks.
    context.header("Cross-Origin-Resource-Policy", "same-origin");
    return;
  };
}
