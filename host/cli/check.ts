/**
 * `weir check`: what was looked at, for people and programs.
 *
 * @module
 */
import type { WeirConfig } from "../../schemas/config.ts";
import { messageOf } from "../../schemas/errors.ts";
import { failure, type Tick, type TickGroup } from "../check/tick.ts";
import { resolveRequest } from "../config/resolve.ts";
import { rendered } from "./answer.ts";
import { type CliIo, EXIT_CODES } from "./cli.ts";
import type { CommandLine } from "./command.ts";
import { createStyle, type Style, wantsColour } from "./style.ts";

/** Looks at the node that a configuration is for. */
export type CheckNode = (
  config: WeirConfig,
  server: string,
) => Promise<readonly TickGroup[]>;

function signOf({ state }: Tick, style: Style): string {
  switch (state) {
    case "good":
      return style.green("✔");
    case "skipped":
      return style.dim("-");
    case "warning":
      return style.yellow("!");
    case "failure":
      return style.red("✘");
  }
}

function tally(groups: readonly TickGroup[], state: Tick["state"]): number {
  return groups.flatMap(({ ticks }) => ticks).filter((tick) => tick.state === state).length;
}

/**
 * Tells people what was looked at.
 *
 * @param groups The ticks.
 * @param style Colours, or none.
 * @returns Text that ends in a line feed.
 */
export function checkText(groups: readonly TickGroup[], style: Style): string {
  const told = groups.map(({ title, ticks }) =>
    `${style.bold(title)}\n${
      ticks.map((tick) => {
        const line = `  ${signOf(tick, style)} ${tick.what}\n`;
        return "remedy" in tick ? `${line}      ${style.dim("→")} ${tick.remedy}\n` : line;
      }).join("")
    }`
  ).join("\n");
  const [failures, warnings] = [tally(groups, "failure"), tally(groups, "warning")];
  const verdict = failures > 0
    ? style.red(`${failures} ${failures === 1 ? "failure" : "failures"}`)
    : style.green("No failure");
  return `${told}\n${verdict}, ${warnings} ${warnings === 1 ? "warning" : "warnings"}.\n`;
}

/**
 * Checks.
 *
 * @param line The command line; its words are the proxy's flags.
 * @param io The effects.
 * @param check Looks at the node.
 * @returns The exit code: 1 with a failure.
 */
export async function checkCommand(
  line: CommandLine,
  io: CliIo,
  check: CheckNode,
): Promise<number> {
  const request = await resolveRequest(line.words, io);
  const remedy = "see weir --help for the flags, or weir config check for the file";
  const groups: readonly TickGroup[] = request.type === "proxy"
    ? await check(request.config, line.value("server") ?? "")
    : [{
      title: "Configuration",
      ticks: request.type === "refused"
        ? request.problems.map((problem) => failure(messageOf(problem), remedy))
        : [failure(`the flags ask for ${request.type}, not for a proxy`, remedy)],
    }];
  const style = createStyle(wantsColour(io.terminal.stdout, io.env));
  io.stdout(rendered(line, { groups }, (told) => checkText(told.groups, style)));
  return tally(groups, "failure") > 0 ? EXIT_CODES.failed : EXIT_CODES.done;
}
