/**
 * The address of a running weir's metrics, as --server has it.
 *
 * @module
 */
import { formatBindAddress, parseBindAddress } from "../../schemas/bind_address.ts";

const DEFAULT_PORT = 10_249;

/** What a value of --server comes to. */
export type ServerAddress =
  /** Where pages are, without a slash at the end. */
  | { readonly type: "base"; readonly url: string }
  /** Why it is none. */
  | { readonly type: "refused"; readonly state: string };

/**
 * Reads it.
 *
 * @param text `IP:port`, an address alone, or `localhost:port`; `http://` may stand before it.
 * @returns Where pages are, or why that cannot be told.
 */
export function readServerAddress(text: string): ServerAddress {
  if (text.startsWith("https://")) {
    return { type: "refused", state: "weir serves its metrics by http:// only" };
  }
  const bare = text.replace(/^http:\/\//, "").replace(/\/$/, "");
  const [, port] = /^localhost(?::(.*))?$/.exec(bare) ?? [];
  const isName = bare === "localhost" || port !== undefined;
  // Nothing but the name differs.
  const address = parseBindAddress(
    isName ? `127.0.0.1:${port ?? DEFAULT_PORT}` : bare.replace(/^\[([^\]]*)\]$/, "$1"),
    DEFAULT_PORT,
  );
  if (typeof address === "string") return { type: "refused", state: address };
  const host = isName ? `localhost:${address.port}` : formatBindAddress(address);
  return { type: "base", url: `http://${host}` };
}
