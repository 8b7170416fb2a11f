/**
 * Makes of a subcommand's data its parser and its help, by commander. It is imported when a
 * subcommand is asked for: commander takes 3 MB, which a proxy that runs for months need not hold.
 *
 * @module
 */
import { Command, CommanderError, Option } from "commander";
import { messageOf, WeirError } from "../../schemas/errors.ts";
import { type CliIo, EXIT_CODES } from "./cli.ts";
import type { CommandSpec } from "./command_spec.ts";

/** A command line of a subcommand, taken apart. */
export interface CommandLine {
  /** The words that are no flags. */
  readonly words: readonly string[];
  /** What a flag has; its default when it was not given, undefined without one. */
  readonly value: (name: string) => string | undefined;
  /** Whether a flag without a value was given. */
  readonly has: (name: string) => boolean;
}

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
  const refusal = (what: string, state: string) =>
    new WeirError("WEIR_CONFIG_INVALID", `Cannot use ${what}: ${state}`);
  const valueOf = (name: string): unknown => {
    const option = command.options.find(({ long }) => long === `--${name}`);
    return option === undefined ? undefined : command.getOptionValue(option.attributeName());
  };
  for (const { name, refuse, needs } of spec.options) {
    const value = valueOf(name);
    if (value === undefined) continue;
    const state = typeof value === "string" ? refuse?.(value) : undefined;
    if (state !== undefined) throw refusal(`--${name} "${value}"`, state);
    if (needs !== undefined && valueOf(needs) === undefined) {
      throw refusal(`flag "--${name}"`, `it means nothing without --${needs}`);
    }
  }
  const [first = ""] = command.args;
  if (spec.choices !== undefined && !spec.choices.includes(first)) {
    throw refusal(`"${first}"`, `there are ${spec.choices.join(", ")}`);
  }
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
