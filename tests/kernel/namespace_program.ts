/**
 * Programs run inside a namespace, to their end.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { NetworkNamespace } from "../../host/capabilities/namespace.ts";

/**
 * Runs the nft program.
 *
 * @param place Whose namespace.
 * @param command In nft's syntax.
 * @returns What it printed.
 * @throws {AssertionError} When it fails.
 */
export async function nft(
  { namespace }: { readonly namespace: NetworkNamespace },
  command: string,
): Promise<string> {
  const [program, ...args] = namespace.command(["nft", command]);
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
