/**
 * The module graph of a plugin, as `deno info --json` tells it, and what may be in it.
 *
 * @module
 */
import * as v from "valibot";
import { WeirError } from "../../schemas/errors.ts";

const ResolvedSchema = v.optional(v.object({ specifier: v.optional(v.string()) }));

const GraphSchema = v.object({
  roots: v.array(v.string()),
  modules: v.array(v.object({
    specifier: v.string(),
    kind: v.optional(v.string()),
    local: v.nullish(v.string()),
    error: v.optional(v.string()),
    dependencies: v.optional(
      v.array(v.object({ code: ResolvedSchema, type: ResolvedSchema })),
      [],
    ),
    maybeSourceMapDependency: v.optional(v.object({ dependency: ResolvedSchema })),
  })),
});

/** What only a comment about a source map names: the bundler does not take it in. */
function namedAsMaps({ modules }: v.InferOutput<typeof GraphSchema>): ReadonlySet<string> {
  const imported = modules.flatMap(({ dependencies }) =>
    dependencies.flatMap(({ code, type }) => [code?.specifier, type?.specifier])
  );
  const maps = modules.map((module) => module.maybeSourceMapDependency?.dependency?.specifier);
  return new Set(maps.filter((map) => map !== undefined)).difference(new Set(imported));
}

/**
 * Reads the graph and refuses what a plugin must not be bundled from. The bundler is kept inside
 * the folders by its permissions; this finds what is no file, and what types are taken from.
 *
 * @param json What `deno info --json` printed.
 * @param reference The plugin, for the message.
 * @param roots Folders (`file:` URLs ending in `/`) whose files may be in the graph: the plugin's
 * own and weir's.
 * @returns The `file:` URLs in the graph, sorted.
 * @throws {WeirError} WEIR_PLUGIN_LOAD when a module is missing, remote, of node, or outside of
 * the folders.
 */
export function graphFiles(
  json: string,
  reference: string,
  roots: readonly URL[],
): readonly string[] {
  const graph = v.parse(GraphSchema, JSON.parse(json));
  const refuse = (state: string) =>
    new WeirError("WEIR_PLUGIN_LOAD", `Cannot load plugin "${reference}": ${state}`);
  const files: string[] = [];
  const maps = namedAsMaps(graph);
  for (const { specifier, error } of graph.modules) {
    if (maps.has(specifier)) continue;
    if (error !== undefined) throw refuse(error);
    if (specifier.startsWith("npm:")) continue;
    if (specifier.startsWith("node:")) {
      throw refuse(`it imports ${specifier}; a sandbox has no modules of node`);
    }
    if (!specifier.startsWith("file:")) {
      throw refuse(`it imports ${specifier}; keep a copy beside the plugin and import that`);
    }
    if (!roots.some((root) => specifier.startsWith(root.href))) {
      throw refuse(`it imports ${specifier}, which is outside of its folder`);
    }
    files.push(specifier);
  }
  return files.sort();
}
