/**
 * Who imports whom, as `deno info` tells it.
 *
 * @module
 */
import * as v from "valibot";

/** One import: an edge of the graph. */
export interface Import {
  /** The importing file, from the repository's root. */
  readonly from: string;
  /** A file from the repository's root, or `npm:…`, `node:…`. */
  readonly to: string;
  /** As it is written, for example `weir` or `./a.ts`. */
  readonly specifier: string;
  /** `code` is there when the program runs; `type` is erased. */
  readonly kind: "code" | "type";
  readonly dynamic: boolean;
}

const ResolvedSchema = v.object({
  specifier: v.optional(v.string()),
  error: v.optional(v.string()),
});

/** The part of `deno info --json` that is read. Source: Deno 2.9.6, version 1 of the format. */
const InfoSchema = v.object({
  version: v.literal(1),
  modules: v.array(v.object({
    specifier: v.string(),
    error: v.optional(v.string()),
    dependencies: v.optional(v.array(v.object({
      specifier: v.string(),
      code: v.optional(ResolvedSchema),
      type: v.optional(ResolvedSchema),
      isDynamic: v.optional(v.boolean()),
    }))),
  })),
});

/**
 * Reads the answer of `deno info --json`.
 *
 * @param text The answer.
 * @param root URL of the repository's root, with a `/` at its end.
 * @returns The imports of the repository's own files, and the faults: what does not parse or
 * resolve.
 */
export function readInfo(
  text: string,
  root: string,
): { readonly imports: readonly Import[]; readonly faults: readonly string[] } {
  const info = v.parse(InfoSchema, JSON.parse(text));
  const short = (url: string) => url.startsWith(root) ? url.slice(root.length) : url;
  const imports: Import[] = [];
  const faults: string[] = [];
  for (const module of info.modules) {
    if (module.error !== undefined) faults.push(`${short(module.specifier)}: ${module.error}`);
    if (!module.specifier.startsWith(root)) continue;
    for (const { specifier, code, type, isDynamic } of module.dependencies ?? []) {
      for (const [kind, target] of [["code", code], ["type", type]] as const) {
        if (target === undefined) continue;
        const from = short(module.specifier);
        if (target.specifier === undefined) {
          faults.push(`${from}: ${specifier}: ${target.error}`);
          continue;
        }
        const to = short(target.specifier);
        imports.push({ from, to, specifier, kind, dynamic: isDynamic === true });
      }
    }
  }
  return { imports, faults };
}

/**
 * Asks Deno for the graph of many files at once.
 *
 * @param files Paths from the repository's root.
 * @param root URL of the repository's root, with a `/` at its end.
 * @returns What `deno info --json` prints.
 * @throws {Error} When it fails.
 */
export function askInfo(files: readonly string[], root: string): string {
  // `deno info` takes one root: a module that imports all is that root.
  const all = files.map((file) => `import ${JSON.stringify(new URL(file, root).href)};`).join("");
  const { code, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", `data:application/typescript,${encodeURIComponent(all)}`],
  }).outputSync();
  if (code !== 0) throw new Error(`deno info failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/**
 * Everything that runs when a file runs.
 *
 * @param start A file, from the repository's root.
 * @param imports The graph.
 * @returns The file itself, and all that it reaches by static imports of code.
 */
export function reach(start: string, imports: readonly Import[]): Set<string> {
  const next = new Map<string, string[]>();
  for (const { from, to, kind, dynamic } of imports) {
    if (kind === "type" || dynamic) continue;
    next.set(from, [...next.get(from) ?? [], to]);
  }
  const reached = new Set<string>();
  const open = [start];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    open.push(...next.get(file) ?? []);
  }
  return reached;
}
