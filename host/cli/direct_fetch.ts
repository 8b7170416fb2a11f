/**
 * Fetches from this node itself.
 *
 * @module
 */
import type { Fetch } from "./json_page.ts";

/** As URLs have them. */
const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

/**
 * Makes a fetch() that asks loopback addresses past any proxy of the environment. Deno heeds
 * http_proxy for them, too, where Go (net/http's ProxyFromEnvironment) and with it kubectl do not:
 * who has it in his shell would have another machine asked for what runs on this one.
 *
 * @returns Fetches. A client is kept for each address that is asked.
 */
export function directFetch(): Fetch {
  const clients = new Map<string, Deno.HttpClient>();
  return async (url, init) => {
    const { protocol, host, hostname, port } = new URL(url);
    if (protocol !== "http:" || !LOOPBACK.test(hostname)) return await fetch(url, init);
    const client = clients.get(host) ?? Deno.createHttpClient({
      // What is told here comes before the environment; this one is the address itself.
      proxy: { transport: "tcp", hostname, port: Number(port || 80) },
    });
    clients.set(host, client);
    // Named, as the types of DOM do not know of it.
    const direct: RequestInit & { readonly client: Deno.HttpClient } = { ...init, client };
    return await fetch(url, direct);
  };
}
