/**
 * How an operator names a plugin's code: a path or a URL, with or without a pinned hash.
 *
 * @module
 */
import { WeirError } from "../../schemas/errors.ts";

/** A parsed reference. */
export interface PluginReference {
  /** `file:` or `https:`, without the hash. */
  readonly url: URL;
  /** Lower-case hex SHA-256 that the text given to the sandbox must have, or undefined. */
  readonly sha256: string | undefined;
}

/**
 * Parses a reference.
 *
 * @param text A path (`./x.ts`, `/x.ts`), `file:///x.ts` or `https://host/x.js`, each optionally
 * followed by `#sha256=<64 hex digits>`.
 * @param base What a relative path is relative to: a `file:` URL that ends in `/`.
 * @returns The reference.
 * @throws {WeirError} WEIR_PLUGIN_LOAD for another scheme, a malformed pin, or `https:` without
 * one.
 */
export function parseReference(text: string, base: URL): PluginReference {
  const refuse = (state: string) =>
    new WeirError("WEIR_PLUGIN_LOAD", `Cannot load plugin "${text}": ${state}`);
  const hash = text.indexOf("#");
  const place = hash < 0 ? text : text.slice(0, hash);
  let url: URL;
  try {
    // A path may hold characters that mean something in a URL.
    url = /^[a-z][a-z0-9+.-]*:/.test(place)
      ? new URL(place)
      : new URL(place.split("/").map(encodeURIComponent).join("/"), base);
  } catch {
    throw refuse("it is neither a path nor a URL");
  }
  if (url.protocol !== "file:" && url.protocol !== "https:") {
    throw refuse(`its scheme is ${url.protocol}, file: and https: are possible`);
  }
  if (hash < 0) {
    if (url.protocol === "https:") {
      throw refuse("code from the network must be pinned: append #sha256=<hex>");
    }
    return { url, sha256: undefined };
  }
  const pin = /^#sha256=([0-9a-f]{64})$/i.exec(text.slice(hash));
  if (pin === null || pin[1] === undefined) throw refuse("after # only sha256=<64 hex digits>");
  return { url, sha256: pin[1].toLowerCase() };
}
