/**
 * What a row of the flag table is made of.
 *
 * @module
 */

/**
 * How a flag's value is written. Integers, floats and durations as Go reads them; `strings` is a
 * list and `gates` a list of name=true or name=false, with commas between the entries or the flag
 * repeated; `vmodule` is a list of pattern=level.
 */
export type FlagType =
  | "string"
  | "strings"
  | "bool"
  | "int32"
  | "float32"
  | "duration"
  | "gates"
  | "vmodule";

/** What a flag comes to. */
export type FlagValue =
  | string
  | number
  | boolean
  | readonly string[]
  | readonly { readonly filePattern: string; readonly verbosity: number }[]
  | Readonly<Record<string, boolean>>;

/** The headings of the help, in their order. */
export const FLAG_SECTIONS = [
  "Configuration",
  "Objects",
  "This node",
  "Data plane",
  "Connection tracking",
  "Other modes",
  "Serving",
  "Logging",
  "Log files",
  "Other",
] as const;

/** What to do instead of proxying; `dry-run` says how `cleanup` is meant. */
export type FlagAction = "help" | "version" | "cleanup" | "dry-run";

/**
 * What a flag sets. `field`: a field of KubeProxyConfiguration, by its dotted path, and others that
 * are the same setting of another mode. `weir`: a field of WeirConfiguration. `option`: a setting
 * that only the command line has. `action`: what to do instead of proxying.
 */
export type FlagTarget =
  | { readonly kind: "field"; readonly path: string; readonly also: readonly string[] }
  | { readonly kind: "weir"; readonly path: string }
  | { readonly kind: "option"; readonly path: string }
  | { readonly kind: "action"; readonly action: FlagAction };

/** One row: one flag. */
export interface Flag {
  /** With hyphens and without the leading two; underscores are accepted in their place. */
  readonly name: string;
  /** One letter, for `-v`. */
  readonly short?: string;
  readonly type: FlagType;
  /** What stands for the value in the help, for example `path`; "" for a bool. */
  readonly placeholder: string;
  readonly section: typeof FLAG_SECTIONS[number];
  readonly target: FlagTarget;
  /** One or two sentences without the default, which is added. */
  readonly help: string;
  /** The kube-proxy that had it first (1.24 means then or before), or `weir` for weir's own. */
  readonly since: string;
  /** The default as the help says it, where the field's own hangs on other fields. */
  readonly byDefault?: string;
  /** Why not to use it any more; a use is then warned of. */
  readonly deprecated?: string;
}

/**
 * The target of a flag that sets a field of KubeProxyConfiguration.
 *
 * @param path Its dotted path.
 * @param also Fields of other modes that it sets too.
 * @returns The target.
 */
export function field(path: string, ...also: string[]): FlagTarget {
  return { kind: "field", path, also };
}

/**
 * The target of a flag that sets a field of WeirConfiguration.
 *
 * @param path Its dotted path.
 * @returns The target.
 */
export function weir(path: string): FlagTarget {
  return { kind: "weir", path };
}

/**
 * The target of a flag that sets what only the command line has.
 *
 * @param path Its dotted path in the options.
 * @returns The target.
 */
export function option(path: string): FlagTarget {
  return { kind: "option", path };
}
