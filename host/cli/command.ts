/**
 * A subcommand with flags of its own, as data: the parser, its help and the shells' completion are
 * made of it.
 *
 * @module
 */
import { Command, CommanderError, Option } from "commander";
import { messageOf, WeirError } from "../../schemas/errors.ts";
import { type CliIo, EXIT_CODES } from "./cli.ts";

/** A flag of a subcommand. */
export interface CommandOption {
  /** With hyphens and without the leading two. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  /** What stands for the value in the help; "" for a flag without one. */
  readonly placeholder: string;
  readonly help: string;
  /** The value without the flag. */
  readonly byDefault?: string;
  /** All values there are. */
  readonly choices?: readonly string[];
  /** The value is a file or a folder, for the shells. */
  readonly path?: "file" | "folder";
}

/** A subcommand. */
export interface CommandSpec {
  readonly name: string;
  /** One sentence for the help. */
  readonly summary: string;
  /** What may stand behind the name besides flags, for the help; "" for nothing. */
  readonly words: string;
  /** How many words there must and may be. */
  readonly count: readonly [least: number, most: number];
  /** All first words there are, for the shells. */
  readonly choices?: readonly string[];
  readonly options: readonly CommandOption[];
  /** Lines for the help: a command line, and what it does. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** Takes the flags of the proxy too, which are passed on as they are. */
  readonly proxyFlags?: true;
}

/** A command line of a subcommand, taken apart. */
export interface CommandLine {
  /** The words that are no flags. */
  readonly words: readonly string[];
  /** What a flag has; its default when it was not given, undefined without one. */
  readonly value: (name: string) => string | undefined;
  /** Whether a flag without a value was given. */
  readonly has: (name: string) => boolean;
}

/** The flag of every command that asks a running weir. */
export const SERVER: CommandOption = {
  name: "server",
  placeholder: "address",
  help: "Where the running weir serves its metrics (--metrics-bind-address)",
  byDefault: "127.0.0.1:10249",
};

/** The flag of every command whose answer programs read too. */
export const OUTPUT: CommandOption = {
  name: "output",
  short: "o",
  placeholder: "format",
  help: "How to answer",
  byDefault: "text",
  choices: ["text", "json", "yaml"],
};

/** The help's width in columns. */
const HELP_WIDTH = 100;

function program(spec: CommandSpec): Command {
  const command = new Command(`weir ${spec.name}`)
    .description(spec.summary)
    .helpOption("-h, --help", "Show this help")
    .allowExcessArguments(spec.proxyFlags === true)
    .allowUnknownOption(spec.proxyFlags === true)
    .exitOverride()
    .configureOutput({
      writeErr: () => {},
      writeOut: () => {},
      outputError: () => {},
      getOutHelpWidth: () => HELP_WIDTH,
      getOutHasColors: () => false,
    });
  command.usage(`[flags]${spec.words === "" ? "" : ` ${spec.words}`}`);
  const [least, most] = spec.count;
  for (let index = 0; index < most; index++) {
    command.argument(index < least ? `<word${index}>` : `[word${index}]`);
  }
  command.configureHelp({ visibleArguments: () => [] });
  for (const { name, short, placeholder, help, byDefault, choices } of spec.options) {
    const flags = `${short === undefined ? "" : `-${short}, `}--${name}` +
      (placeholder === "" ? "" : ` <${placeholder}>`);
    const option = new Option(flags, help);
    if (choices !== undefined) option.choices([...choices]);
    if (byDefault !== undefined) option.default(byDefault);
    command.addOption(option);
  }
  return command.action(() => {});
}

/**
 * The help of a subcommand.
 *
 * @param spec The subcommand.
 * @returns Text of at most 100 columns, ending in a line feed.
 */
export function commandHelp(spec: CommandSpec): string {
  const widest = Math.max(0, ...spec.examples.map(([line]) => line.length));
  const examples = spec.examples.map(([line, what]) => `  ${line.padEnd(widest)}  ${what}\n`);
  return program(spec).helpInformation() +
    (examples.length === 0 ? "" : `\nExamples:\n${examples.join("")}`);
}

/**
 * Takes a command line apart.
 *
 * @param spec The subcommand.
 * @param args The arguments behind its name.
 * @returns It, or `help` when that was asked for.
 * @throws {WeirError} WEIR_CONFIG_INVALID for what the subcommand does not take.
 */
export function parseCommand(spec: CommandSpec, args: readonly string[]): CommandLine | "help" {
  const command = program(spec);
  try {
    command.parse([...args], { from: "user" });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.code === "commander.helpDisplayed") return "help";
    const state = thrown.code === "commander.missingArgument"
      ? `${spec.words} is missing`
      : thrown.message.replace(/^error: /, "").replaceAll("\n", " ");
    throw new WeirError(
      "WEIR_CONFIG_INVALID",
      `Cannot use command line "${["weir", spec.name, ...args].join(" ")}": ${state}`,
    );
  }
  const valueOf = (name: string): unknown => {
    const option = command.options.find(({ long }) => long === `--${name}`);
    return option === undefined ? undefined : command.getOptionValue(option.attributeName());
  };
  return {
    words: command.args,
    value: (name) => {
      const value = valueOf(name);
      return typeof value === "string" ? value : undefined;
    },
    has: (name) => valueOf(name) === true,
  };
}

/**
 * Runs a subcommand: its help and a command line that it does not take are seen to.
 *
 * @param spec The subcommand.
 * @param args The arguments behind its name.
 * @param io The effects.
 * @param action What it does; settles with the exit code.
 * @returns The exit code.
 */
export async function runCommand(
  spec: CommandSpec,
  args: readonly string[],
  io: CliIo,
  action: (line: CommandLine) => Promise<number>,
): Promise<number> {
  let line: CommandLine | "help";
  try {
    line = parseCommand(spec, args);
  } catch (thrown) {
    io.stderr(`weir: ${messageOf(thrown)}\nRun weir ${spec.name} --help.\n`);
    return EXIT_CODES.usage;
  }
  if (line !== "help") return await action(line);
  io.stdout(commandHelp(spec));
  return EXIT_CODES.done;
}
