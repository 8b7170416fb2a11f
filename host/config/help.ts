/**
 * The help of the proxy: the flag table and the subcommands, laid out by commander. It is imported
 * when it is asked for: commander takes 3 MB, which a proxy that runs for months need not hold.
 *
 * @module
 */
import { Command, Option } from "commander";
import { type Flag, FLAG_SECTIONS } from "./flag.ts";
import { flagDefault } from "./flags.ts";

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

function program(flags: readonly Flag[], commands: readonly CommandSummary[]): Command {
  const rows = new Map(flags.map((flag) => [flag.name, flag]));
  const command = new Command("weir")
    .description("A Kubernetes service proxy that hosts sandboxed plugins.")
    .helpOption(false)
    // Commander would ask the environment for the terminal's width and colours.
    .configureOutput({
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
      const option = new Option(`--${flag.name} <${flag.placeholder || "bool"}>`, flagHelp(flag));
      command.addOption(option.helpGroup(`${section}:`));
    }
  }
  for (const { name, summary } of commands) {
    command.addCommand(new Command(name).description(summary).helpOption(false));
  }
  return command.helpCommand(false);
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
