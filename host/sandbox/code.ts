/**
 * A plugin's code: read, bundled if need be, and checked against its pin.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { messageOf, WeirError } from "../../schemas/errors.ts";
import { LIMITS } from "../../schemas/wire.ts";
import { type Bundle, type BundleOptions, bundlePlugin, type KeptMap, sha256 } from "./bundle.ts";
import { parseReference, type PluginReference } from "./reference.ts";

/** A plugin's text, ready for a sandbox. */
export interface PluginCode {
  /** As the operator wrote it. */
  readonly reference: string;
  /** One self-contained ES module. */
  readonly text: Uint8Array;
  /** The text's hash, 64 hex digits: what an operator may pin. */
  readonly sha256: string;
  /** Where a text that was taken as it is comes from; undefined for what weir has bundled. */
  readonly ready: string | undefined;
  /** From which sources a bundle was made; undefined where that is not known. */
  readonly map: KeptMap | undefined;
}

/** What loading stands on. */
export interface LoadOptions extends BundleOptions {
  /** What a relative path is relative to: a `file:` URL that ends in `/`. */
  readonly base: URL;
  /** Fetches `https:` references. */
  readonly fetch: typeof fetch;
}

/** Milliseconds for a download. */
const FETCH_MS = 30_000;

/**
 * Loads a plugin's code. A pinned `.js` or `.mjs` file and everything from `https:` is taken as
 * it is; any other file is bundled with what it imports, and a pin is then the bundle's hash.
 *
 * @param reference See {@linkcode parseReference}.
 * @param options Programs and folders.
 * @returns The code.
 * @throws {WeirError} WEIR_PLUGIN_LOAD when it cannot be read or bundled, is too large, or has
 * another hash than the pin.
 */
export async function loadPlugin(reference: string, options: LoadOptions): Promise<PluginCode> {
  const refuse = (state: string, cause?: unknown) =>
    new WeirError("WEIR_PLUGIN_LOAD", `Cannot load plugin "${reference}": ${state}`, { cause });
  const parsed = parseReference(reference, options.base);
  const { ready, text, map } = await read(parsed, options).catch((cause) => {
    throw cause instanceof WeirError ? cause : refuse(messageOf(cause), cause);
  });
  if (text.length > LIMITS.codeBytes) {
    throw refuse(`it has ${text.length} bytes, the limit is ${LIMITS.codeBytes}`);
  }
  const hash = await sha256(text);
  if (parsed.sha256 !== undefined && parsed.sha256 !== hash) {
    throw refuse(`its sha256 is ${hash}, pinned is ${parsed.sha256}`);
  }
  return { reference, text, sha256: hash, ready, map };
}

async function read(
  { url, sha256 }: PluginReference,
  options: LoadOptions,
): Promise<Bundle & Pick<PluginCode, "ready">> {
  if (url.protocol === "https:") {
    return { ready: url.href, text: await download(url, options.fetch), map: undefined };
  }
  if (sha256 === undefined || !/\.m?js$/.test(url.pathname)) {
    return { ready: undefined, ...await bundlePlugin(url, options) };
  }
  return { ready: fileURLToPath(url), text: await Deno.readFile(url), map: undefined };
}

async function download(url: URL, get: typeof fetch): Promise<Uint8Array> {
  const response = await get(url, { signal: AbortSignal.timeout(FETCH_MS) });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new Error(`the server answers ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.length;
    if (length > LIMITS.codeBytes) throw new Error(`it has more than ${LIMITS.codeBytes} bytes`);
    chunks.push(chunk);
  }
  const text = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    text.set(chunk, at);
    at += chunk.length;
  }
  return text;
}
