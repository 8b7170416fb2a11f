/**
 * What keeps the page harmless: the policy under which a browser shows it, and who may ask for it.
 *
 * @module
 */
import { parseIp } from "../../schemas/ip.ts";

/** Base64 of the SHA-256 of a text, as a Content-Security-Policy names it. */
async function hashSource(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `'sha256-${new Uint8Array(digest).toBase64()}'`;
}

/**
 * The headers of every answer.
 *
 * @param style The one style sheet that a browser may apply.
 * @param script The one script that a browser may run.
 * @returns Headers: nothing else is loaded, run, framed, sent on or kept.
 */
export async function pageHeaders(
  style: string,
  script: string,
): Promise<Readonly<Record<string, string>>> {
  const policy = [
    "default-src 'none'",
    `script-src ${await hashSource(script)}`,
    `style-src ${await hashSource(style)}`,
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ];
  return {
    "Cache-Control": "no-store",
    "Content-Security-Policy": policy.join("; "),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
  };
}

/**
 * Whether a request was meant for this node. A site whose name an attacker lets resolve to the
 * node's address (DNS rebinding) would be of one origin with the page and could read it; but its
 * requests name that site.
 *
 * @param host The header Host, or undefined.
 * @param node The node's name.
 * @returns True for any address (nobody can rebind that), localhost and the node's name.
 */
export function isMeantForUs(host: string | undefined, node: string): boolean {
  // RFC 9112 3.2: a request of HTTP/1.1 without Host is no request; a browser always sends it.
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/i.exec(host ?? "");
  if (match === null) return false;
  const [, bracketed, plain = ""] = match;
  if (bracketed !== undefined) return parseIp(bracketed) !== undefined;
  const name = plain.toLowerCase();
  return name === "localhost" || name === node.toLowerCase() || parseIp(name) !== undefined;
}
