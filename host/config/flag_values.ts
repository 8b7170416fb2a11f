/**
 * The flags as they are in force, for who reads /flagz.
 *
 * @module
 */
import type { Flag } from "./flag.ts";
import { flagDefault, FLAGS } from "./flags.ts";
import { parseFlags } from "./parser.ts";

/** As pflag prints values: no flag of a truth is without one. */
function shown(flag: Flag, given: string | undefined): string {
  if (given !== undefined) return given;
  return flagDefault(flag) || (flag.type === "bool" ? "false" : "");
}

/**
 * Every flag with its value: what was given, or else the default.
 *
 * @param args The command line without the program's name.
 * @returns By name.
 * @throws {WeirError} WEIR_CONFIG_INVALID when it is no command line of weir's.
 */
export function flagValues(args: readonly string[]): ReadonlyMap<string, string> {
  const given = parseFlags(args, FLAGS);
  return new Map(FLAGS.map((flag) => [flag.name, shown(flag, given.get(flag.name))]));
}
