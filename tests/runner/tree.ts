/**
 * The files of the repository, as the house rules and the test runner see them.
 *
 * @module
 */

/** What is never looked into: not ours, or made by a run. See also .gitignore. */
const OUTSIDE: ReadonlySet<string> = new Set([".git", "node_modules", "coverage", ".weir"]);

/**
 * Reads every text file under a folder.
 *
 * @param root The repository's root, as a path without a `/` at its end.
 * @returns By path from the root (`/` between parts), what each file says; sorted by path.
 * @throws {Deno.errors.NotFound} When there is no such folder.
 */
export function readTree(root: string): Map<string, string> {
  const texts: [string, string][] = [];
  const visit = (folder: string) => {
    for (const entry of Deno.readDirSync(`${root}/${folder}`)) {
      if (OUTSIDE.has(entry.name)) continue;
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory) visit(path);
      else if (entry.isFile) texts.push([path, Deno.readTextFileSync(`${root}/${path}`)]);
    }
  };
  visit("");
  return new Map(texts.sort(([a], [b]) => a < b ? -1 : 1));
}
