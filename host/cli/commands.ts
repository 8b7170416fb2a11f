/**
 * The subcommands that look inside. Each is imported when it is asked for: a proxy that runs for
 * months holds none.
 *
 * @module
 */
import type { CommandMachine } from "../bare_ground.ts";
import type { CliCommand, CliIo } from "./cli.ts";
import type { CommandLine } from "./command.ts";
import type { CommandSpec } from "./command_spec.ts";
import { CHECK, COMPLETION, DIFF, EXPLAIN, SPECS, TOP } from "./specs.ts";

function command(
  spec: CommandSpec,
  load: () => Promise<(line: CommandLine, io: CliIo) => Promise<number>>,
): CliCommand {
  return {
    name: spec.name,
    summary: spec.summary,
    run: async (args, io) => {
      const { runCommand } = await import("./command.ts");
      return await runCommand(spec, args, io, async (line) => (await load())(line, io));
    },
  };
}

/** What the subcommands stand on besides. */
export interface CommandGround {
  /** Of those that look at this node themselves. */
  readonly machine: CommandMachine;
  /** The other subcommands, for the shells. */
  readonly others: readonly Pick<CliCommand, "name" | "summary" | "words">[];
}

/**
 * Makes the subcommands.
 *
 * @param ground What they stand on.
 * @returns All of them.
 */
export function insightCommands({ machine, others }: CommandGround): readonly CliCommand[] {
  return [
    command(EXPLAIN, async () => {
      const { explainCommand } = await import("./explain.ts");
      const { directFetch } = await import("./direct_fetch.ts");
      return (line, io) => explainCommand(line, io, directFetch());
    }),
    command(CHECK, async () => {
      const { checkCommand } = await import("./check.ts");
      const { checkNode } = await import("../check/check.ts");
      const { checkQuestions } = await import("../check/effects.ts");
      return (line, io) =>
        checkCommand(
          line,
          io,
          (config, server) => checkNode(checkQuestions(config, server, machine)),
        );
    }),
    command(DIFF, async () => {
      const { diffCommand } = await import("./diff.ts");
      const { directFetch } = await import("./direct_fetch.ts");
      return (line, io) => diffCommand(line, io, { fetch: directFetch(), machine });
    }),
    command(TOP, async () => {
      const { topCommand } = await import("./top.ts");
      const { directFetch } = await import("./direct_fetch.ts");
      const wait = (milliseconds: number) =>
        new Promise<void>((resume) => setTimeout(resume, milliseconds));
      return (line, io) => topCommand(line, io, { fetch: directFetch(), wait });
    }),
    command(COMPLETION, async () => {
      const { completionScript, shellOf } = await import("./completion.ts");
      return async (line, io) => {
        io.stdout(completionScript(shellOf(line.words[0] ?? ""), SPECS, others));
        return 0;
      };
    }),
  ];
}
