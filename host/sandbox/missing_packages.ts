/**
 * Which packages Deno lacks, told from how it complains: it has no words of its own for packages
 * that it may not fetch, or cannot.
 *
 * @module
 */

/**
 * What Deno 2.9 says of a package without metadata, of the bundler, which is one, of a package that
 * it may not ask for, and of one without files.
 */
const COMPLAINTS = [
  /Could not find constraint '([^']+)'/g,
  /Failed loading \S+ for package "([^"]+)"/g,
  /failed to download esbuild package tarball (\S+) from/g,
  /npm package not found in cache: "([^"]+)"/g,
  /Cannot find module '\S+\/npm\/[^/]+\/((?:@[^/']+\/)?[^/']+)\/([^/']+)\/\S*'/g,
] as const;

/**
 * Characters of a line that are looked at: a path (PATH_MAX) and what is around it. A plugin's own
 * specifiers are among what is said, and a complaint that nearly fits is looked at again from
 * each of its parts.
 */
const LINE = 5000;

/**
 * Finds the packages that are missing.
 *
 * @param said What Deno or the bundler said when it failed.
 * @returns For example `is-odd@3.0.1`; empty when it failed for another reason.
 */
export function missingPackages(said: string): readonly string[] {
  const lines = said.split("\n").map((line) => line.slice(0, LINE)).join("\n");
  const names = COMPLAINTS.flatMap((complaint) =>
    [...lines.matchAll(complaint)].map(([, name = "", version = ""]) =>
      version === "" ? name : `${name}@${version}`
    )
  );
  return [...new Set(names)];
}
