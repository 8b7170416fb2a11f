/**
 * Plugins that a configuration names and nothing asks for, mostly because of a name that is
 * mistyped.
 *
 * @module
 */
import type { WeirConfig } from "../../schemas/config.ts";
import { nearest } from "../../schemas/config/nearest.ts";
import { BUILTIN_PLUGINS } from "../../schemas/config/weir.ts";

/** A plugin that is not used. */
export interface IdlePlugin {
  readonly name: string;
  /** Why, for the operator. */
  readonly message: string;
}

/**
 * Finds the plugins that are not used: neither by mode, nor in place of one of weir's own. One of
 * weir's own that this mode does not use is none of them.
 *
 * @param config What is in force.
 * @returns In the order of the configuration.
 */
export function idlePlugins(
  { plugins, mode }: Pick<WeirConfig, "plugins" | "mode">,
): readonly IdlePlugin[] {
  const used = new Set<string>([...BUILTIN_PLUGINS, mode.name]);
  return Object.keys(plugins).filter((name) => !used.has(name)).map((name) => {
    const guess = nearest(name, BUILTIN_PLUGINS);
    const own = guess === undefined ? "" : `; one of weir's own is called "${guess}"`;
    return { name, message: `it changes nothing: mode does not name it${own}` };
  });
}
