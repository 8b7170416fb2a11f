/**
 * The command line's front: it decides what is asked for and hands over.
 *
 * @module
 */
import type { WeirConfig } from "../../schemas/config.ts";
import { messageOf, WeirError } from "../../schemas/errors.ts";
import { FLAGS } from "../config/flags.ts";
import type { CommandSummary } from "../config/help.ts";
import type { Documents } from "../config/complete.ts";
import { type Request, resolveRequest } from "../config/resolve.ts";
import { writeConfig } from "../config/write.ts";
import { printable } from "../printable.ts";
import { createStyle, wantsColour } from "./style.ts";

/** What the command line does to the world. */
export interface CliIo {
  /** Writes text to the standard output. */
  readonly stdout: (text: string) => void;
  /** Writes text to the standard error. */
  readonly stderr: (text: string) => void;
  /** Whether each of them is a terminal. */
  readonly terminal: { readonly stdout: boolean; readonly stderr: boolean };
  /** Reads an environment variable. */
  readonly env: (name: string) => string | undefined;
  /** The system's hostname. */
  readonly hostname: () => string;
  /** Reads a text file that the operator named. */
  readonly readText: (path: string) => Promise<string>;
  /** Writes a text file that the operator named. */
  readonly writeText: (path: string, text: string) => Promise<void>;
}

/** A subcommand: `weir <name> …`. */
export interface CliCommand {
  /** Lower case, without spaces. */
  readonly name: string;
  /** One sentence for the help. */
  readonly summary: string;
  /** What may stand first behind its name, for the shells. */
  readonly words?: readonly string[];
  /** Runs it with the arguments behind its name; settles with the exit code. */
  readonly run: (args: readonly string[], io: CliIo) => Promise<number>;
}

/** What the configuration leaves to be said in the log. */
export interface StartRemarks {
  readonly warnings: readonly string[];
  /** From -v=2 on. */
  readonly notes: readonly string[];
}

/** What the command line starts. */
export interface CliActions {
  /** For example `0.1.0`. */
  readonly version: string;
  /**
   * Runs the proxy until it is stopped; settles with the exit code. The remarks are for its log;
   * `resolve` reads the command line again, with what its file says then.
   */
  readonly proxy: (
    config: WeirConfig,
    remarks: StartRemarks,
    resolve: () => Promise<Request>,
  ) => Promise<number>;
  /**
   * Removes what kube-proxy and weir left on this node, or lists it; settles with the exit code.
   */
  readonly cleanup: (dryRun: boolean, io: CliIo) => Promise<number>;
  readonly commands: readonly CliCommand[];
}

/** The subcommand that means the flag --cleanup, with all that may stand beside it. */
const CLEANUP: CommandSummary = {
  name: "cleanup",
  summary: "Remove what kube-proxy or weir left on this node; --dry-run only lists it",
};

/** Exit codes: done, failed while running, and the command line cannot be used. */
export const EXIT_CODES = { done: 0, failed: 1, usage: 2 } as const;

/**
 * Says what went wrong.
 *
 * @param io Where to.
 * @param error What was thrown.
 */
export function reportFailure(io: CliIo, error: unknown): void {
  const style = createStyle(wantsColour(io.terminal.stderr, io.env));
  const code = error instanceof WeirError ? ` (${error.code})` : "";
  // A plugin's own words may be in it.
  io.stderr(`${style.red("weir:")} ${printable(messageOf(error))}${code}\n`);
}

async function writeConfigTo(path: string, documents: Documents, io: CliIo): Promise<void> {
  try {
    await io.writeText(path, await writeConfig(documents));
  } catch (thrown) {
    throw new WeirError(
      "WEIR_CONFIG_INVALID",
      `Cannot use --write-config-to "${path}": ${messageOf(thrown)}`,
      { path: ["writeConfigTo"], cause: thrown },
    );
  }
}

async function dispatch(args: readonly string[], io: CliIo, actions: CliActions): Promise<number> {
  const [name, ...rest] = args;
  const command = actions.commands.find((candidate) => candidate.name === name);
  if (command !== undefined) return await command.run(rest, io);
  const words = name === CLEANUP.name ? [`--${CLEANUP.name}`, ...rest] : args;
  const resolve = () => resolveRequest(words, io);
  const request = await resolve();
  switch (request.type) {
    case "help": {
      const { helpText } = await import("../config/help.ts");
      io.stdout(helpText(FLAGS, [CLEANUP, ...actions.commands]));
      return EXIT_CODES.done;
    }
    case "version":
      // kube-proxy prints "Kubernetes v1.x.y".
      io.stdout(`weir v${actions.version}\n`);
      return EXIT_CODES.done;
    case "refused":
      for (const warning of request.warnings) io.stderr(`${warning}\n`);
      for (const problem of request.problems) reportFailure(io, problem);
      // kube-proxy ends with 1 for its file, and so does weir.
      if (request.source === "file") return EXIT_CODES.failed;
      io.stderr("Run weir --help for the flags.\n");
      return EXIT_CODES.usage;
    case "write-config":
      for (const warning of request.warnings) io.stderr(`${warning}\n`);
      await writeConfigTo(request.path, request.documents, io);
      return EXIT_CODES.done;
    case "cleanup":
      return await actions.cleanup(request.dryRun, io);
    case "proxy":
      return await actions.proxy(request.config, request, resolve);
  }
}

/**
 * Runs a command line: without a subcommand the proxy, else the subcommand; `--help` and
 * `--version` only print.
 *
 * @param args The arguments without the program's name.
 * @param io The effects.
 * @param actions What can be started.
 * @returns The exit code: 0 when done, 1 when it failed while running (the reason is then on the
 * standard error), 2 when the command line cannot be used.
 */
export async function runCli(
  args: readonly string[],
  io: CliIo,
  actions: CliActions,
): Promise<number> {
  try {
    return await dispatch(args, io, actions);
  } catch (error) {
    reportFailure(io, error);
    return EXIT_CODES.failed;
  }
}
