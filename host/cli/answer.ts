/**
 * Writes an answer as it was asked for: as text for people, as JSON or YAML for programs.
 *
 * @module
 */
import { stringify } from "yaml";
import type { CommandLine } from "./command.ts";
import { printableWhole } from "../printable.ts";

/**
 * Renders an answer.
 *
 * @param line The command line, with the flag --output.
 * @param answer What to tell.
 * @param text Tells it to people; it is given the answer without control characters.
 * @returns Text that ends in a line feed.
 */
export function rendered<T>(line: CommandLine, answer: T, text: (answer: T) => string): string {
  switch (line.value("output")) {
    case "json":
      return `${JSON.stringify(answer, null, 2)}\n`;
    case "yaml":
      return stringify(answer, { aliasDuplicateObjects: false, lineWidth: 0 });
    default:
      return text(printableWhole(answer));
  }
}
