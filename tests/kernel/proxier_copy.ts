/**
 * weir's nftables proxier as a third party would have it: in a folder outside the repository.
 *
 * @module
 */
import assert from "node:assert/strict";

const PROXIER = new URL("../../plugins/proxier-nftables/", import.meta.url);
const TABLE = 'TABLE_NAME = "weir"';

/** A copy of the proxier. */
export interface ProxierCopy extends AsyncDisposable {
  /** For `--proxy-mode`. */
  readonly path: string;
}

/**
 * Copies the proxier.
 *
 * @param table The name of its table; the original's when absent.
 * @returns The copy; to be disposed with `await using`.
 */
export async function copyProxier(table?: string): Promise<ProxierCopy> {
  const folder = await Deno.makeTempDir({ prefix: "weir-copy-" });
  for await (const { name } of Deno.readDir(PROXIER)) {
    if (!name.endsWith(".ts") || name.endsWith("_test.ts")) continue;
    const text = await Deno.readTextFile(new URL(name, PROXIER));
    const here = name === "objects.ts" && table !== undefined;
    assert.ok(!here || text.includes(TABLE), "the proxier's table has another name");
    const copy = here ? text.replace(TABLE, `TABLE_NAME = "${table}"`) : text;
    await Deno.writeTextFile(`${folder}/${name}`, copy);
  }
  return {
    path: `${folder}/plugin.ts`,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}
