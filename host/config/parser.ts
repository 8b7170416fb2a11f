/**
 * Takes a command line apart: what pflag's spelling comes to ({@linkcode canonicalArguments}) is
 * looked up in the flag table, and what is left over is refused with the nearest name.
 *
 * @module
 */
import { nearest } from "../../schemas/config/nearest.ts";
import { WeirError } from "../../schemas/errors.ts";
import type { Flag } from "./flag.ts";
import { canonicalArguments } from "./pflag.ts";

/** As pflag's string slices and upstream's maps: each time the flag is given, its entries are added. */
function appended(value: string, before: string | undefined): string {
  return before === undefined || before === "" || value === ""
    ? before || value
    : `${before},${value}`;
}

function noFlag(argument: string): string {
  return `"${argument}" is neither a flag nor a command`;
}

/** Why an argument is none, in its canonical form. */
function fault(argument: string, flags: readonly Flag[]): string {
  if (!argument.startsWith("-") || argument === "-") return noFlag(argument);
  const name = argument.replace(/^--?/, "");
  const flag = argument.startsWith("--") ? flags.find((row) => row.name === name) : undefined;
  if (flag !== undefined) return `flag --${name} needs a value <${flag.placeholder}>`;
  const meant = argument.startsWith("--")
    ? nearest(name.replaceAll("_", "-"), flags.map((row) => row.name))
    : undefined;
  return `unknown flag ${argument}${meant === undefined ? "" : ` (did you mean --${meant}?)`}`;
}

/**
 * Takes a command line apart.
 *
 * @param args The command line without the program's name.
 * @param flags The table.
 * @returns The flags that were given, by name, each with its last value as written; a list with
 * all that were written, commas between.
 * @throws {WeirError} WEIR_CONFIG_INVALID for an unknown flag, a missing value or an argument that
 * is no flag.
 */
export function parseFlags(
  args: readonly string[],
  flags: readonly Flag[],
): ReadonlyMap<string, string> {
  const rows = new Map(flags.map((flag) => [flag.name, flag]));
  const given = new Map<string, string>();
  const refused = (why: string) =>
    new WeirError(
      "WEIR_CONFIG_INVALID",
      `Cannot use command line "${["weir", ...args].join(" ")}": ${why}`,
    );
  const canonical = canonicalArguments(args, flags);
  for (const [index, argument] of canonical.entries()) {
    // It ends the flags: whatever is behind it is an argument, and the proxy takes none.
    if (argument === "--") {
      const behind = canonical[index + 1];
      if (behind !== undefined) throw refused(noFlag(behind));
      break;
    }
    const [, name = "", value = ""] = /^--([^=]+)=([^]*)$/.exec(argument) ?? [];
    const flag = rows.get(name);
    if (flag === undefined) throw refused(fault(argument, flags));
    const list = flag.type === "strings" || flag.type === "gates";
    given.set(name, list ? appended(value, given.get(name)) : value);
  }
  return given;
}
