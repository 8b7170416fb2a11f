/**
 * `weir explain`: why a Service, an address or a connection is treated as it is.
 *
 * @module
 */
import { ExplanationSchema } from "../../schemas/explanation.ts";
import { readSocket } from "../explain/question.ts";
import { rendered } from "./answer.ts";
import { ask } from "./ask.ts";
import type { Fetch } from "./json_page.ts";
import { type CliIo, EXIT_CODES } from "./cli.ts";
import type { CommandLine } from "./command.ts";
import { explanationText } from "./explanation_text.ts";
import { createStyle, wantsColour } from "./style.ts";

/**
 * Explains.
 *
 * @param line The command line: a Service or an address.
 * @param io The effects.
 * @param fetch Fetches a page.
 * @returns The exit code: 1 when nothing is known of what was asked for.
 * @throws {WeirError} WEIR_UNREACHABLE when no weir answers, WEIR_QUESTION_INVALID when it cannot
 * understand the question.
 */
export async function explainCommand(
  line: CommandLine,
  io: CliIo,
  fetch: Fetch,
): Promise<number> {
  const [subject = ""] = line.words;
  // kubectl's words for one are understood.
  const name = subject.replace(/^(service|services|svc)\//, "");
  const isAddress = readSocket(name) !== undefined;
  const explanation = await ask(ExplanationSchema, "/debug/explain", {
    [isAddress ? "to" : "service"]: name,
    protocol: line.value("protocol"),
    from: line.value("from"),
  }, { server: line.value("server") ?? "", fetch });
  const style = createStyle(wantsColour(io.terminal.stdout, io.env));
  const all = line.has("all");
  io.stdout(rendered(line, explanation, (told) => explanationText(told, style, all)));
  return explanation.service === undefined ? EXIT_CODES.failed : EXIT_CODES.done;
}
