/**
 * What keeps the page harmless: the policy under which a browser shows it. Who may ask for it is
 * decided by host/routes/guard.ts, as for all that the port serves.
 *
 * @module
 */

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
