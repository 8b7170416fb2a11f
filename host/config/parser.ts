/**
 * The flag table made into a commander program: it looks flags up, suggests the nearest name,
 * refuses what is left over, and lays out the help. What pflag spells otherwise than commander is
 * put right before ({@linkcode canonicalArguments}).
 *
 * @module
 */
import { Command, CommanderError, Option } from "commander";
import { WeirError } from "../../schemas/errors.ts";
import { type Flag, FLAG_SECTIONS } from "./flag.ts";
import { flagDefault } from "./flags.ts";
import { canonicalArguments } from "./pflag.ts";

/** The help's width in columns. */
const HELP_WIDTH = 100;

/** A subcommand, as the help lists it. */
export interface CommandSummary {
  readonly name: string;
  readonly summary: string;
}

function flagTerm(flag: Flag): string {
  const short = flag.short === undefined ? "    " : `-${flag.short}, `;
  return `${short}--${flag.name}${flag.placeholder === "" ? "" : ` <${flag.placeholder}>`}`;
}

function flagHelp(flag: Flag): string {
  const value = flagDefault(flag);
  const byDefault = value === "" ? "" : ` (default ${value})`;
  const deprecated = flag.deprecated === undefined ? "" : ` Deprecated: ${flag.deprecated}.`;
  return flag.help + byDefault + deprecated;
}

/** As pflag's string slices and upstream's maps: each time the flag is given, its entries are added. */
function appended(value: string, before: string | undefined): string {
  return before === undefined || before === "" || value === ""
    ? before || value
    : `${before},${value}`;
}

function program(flags: readonly Flag[], commands: readonly CommandSummary[]): Command {
  const rows = new Map(flags.map((flag) => [flag.name, flag]));
  const command = new Command("weir")
    .description("A Kubernetes service proxy that hosts sandboxed plugins.")
    .helpOption(false)
    .allowExcessArguments(false)
    .exitOverride()
    // Commander would ask the environment for the terminal's width and colours, and write itself.
    .configureOutput({
      writeErr: () => {},
      outputError: () => {},
      getOutHelpWidth: () => HELP_WIDTH,
      getOutHasColors: () => false,
    })
    .configureHelp({
      commandUsage: () => "weir [flags]\n       weir <command>",
      subcommandTerm: (subcommand) => `    ${subcommand.name()}`,
      optionTerm: (option) => {
        const flag = rows.get(option.long?.slice(2) ?? "");
        return flag === undefined ? option.flags : flagTerm(flag);
      },
    });
  for (const section of FLAG_SECTIONS) {
    for (const flag of flags.filter((row) => row.section === section)) {
      // After canonicalArguments() every flag has a value.
      const option = new Option(`--${flag.name} <${flag.placeholder || "bool"}>`, flagHelp(flag));
      if (flag.type === "strings" || flag.type === "gates") option.argParser(appended);
      command.addOption(option.helpGroup(`${section}:`));
    }
  }
  for (const { name, summary } of commands) {
    command.addCommand(new Command(name).description(summary).helpOption(false));
  }
  return command.helpCommand(false).action(() => {});
}

/**
 * The help.
 *
 * @param flags The table.
 * @param commands The subcommands.
 * @returns Text of at most 100 columns, ending in a line feed.
 */
export function helpText(flags: readonly Flag[], commands: readonly CommandSummary[]): string {
  return program(flags, commands).helpInformation();
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
  const command = program(flags, []);
  try {
    command.parse(canonicalArguments(args, flags), { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const state = error.message.replace(/^error: /, "").replace("\n", " ");
    throw new WeirError(
      "WEIR_CONFIG_INVALID",
      `Cannot use command line "${["weir", ...args].join(" ")}": ${state}`,
    );
  }
  const given = new Map<string, string>();
  for (const option of command.options) {
    const value: unknown = command.getOptionValue(option.attributeName());
    if (typeof value === "string") given.set(option.long?.slice(2) ?? "", value);
  }
  return given;
}
