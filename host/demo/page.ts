/**
 * weir's pages on the demo's node, and the unix sockets that lead to them.
 *
 * @module
 */
import { join } from "node:path";

/** The ports of weir's pages on the node: kube-proxy's. */
export const PAGES = { healthz: 10256, metrics: 10249 } as const;

/**
 * Where a page's unix socket is.
 *
 * @param folder The stage's folder.
 * @param page Which page.
 * @returns A path.
 */
export function pageSocket(folder: string, page: keyof typeof PAGES): string {
  return join(folder, `${page}.sock`);
}
