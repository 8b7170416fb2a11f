/**
 * The subcommands that look inside. Each is imported when it is asked for: a proxy that runs for
 * months holds none.
 *
 * @module
 */
import type { CliCommand } from "./cli.ts";
import type { CommandSpec } from "./command.ts";
import { EXPLAIN } from "./specs.ts";

function command(spec: CommandSpec, run: CliCommand["run"]): CliCommand {
  return { name: spec.name, summary: spec.summary, run };
}

const explain = command(EXPLAIN, async (args, io) => {
  const { runCommand } = await import("./command.ts");
  const { explainCommand } = await import("./explain.ts");
  return await runCommand(EXPLAIN, args, io, (line) => explainCommand(line, io, fetch));
});

/** All of them. */
export const COMMANDS: readonly CliCommand[] = [explain];
