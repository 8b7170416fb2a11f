/**
 * The command line of a proxy that stands behind a subcommand: what it comes to, and what is in
 * force in its place.
 *
 * @module
 */
import * as v from "valibot";
import type { WeirConfig } from "../../schemas/config.ts";
import { messageOf, WeirError } from "../../schemas/errors.ts";
import { resolveRequest } from "../config/resolve.ts";
import type { CliIo } from "./cli.ts";
import type { CommandLine } from "./command.ts";

/** Of /configz, what the documents and the command line come to. */
export const ConfigzSchema = v.object({
  weir: v.custom<WeirConfig>((value) => typeof value === "object" && value !== null),
});

/**
 * The proxy's flags on a command line.
 *
 * @param line Its flag --config is the proxy's, and so are its words.
 * @returns They; none when nothing of a proxy was given.
 */
export function proxyFlags(line: CommandLine): readonly string[] {
  const config = line.value("config");
  return [...(config === undefined ? [] : [`--config=${config}`]), ...line.words];
}

/**
 * What a command line comes to.
 *
 * @param args The proxy's flags.
 * @param io The effects.
 * @returns The configuration.
 * @throws {WeirError} WEIR_CONFIG_INVALID when it cannot be used, or asks for no proxy.
 */
export async function otherConfig(args: readonly string[], io: CliIo): Promise<WeirConfig> {
  const request = await resolveRequest(args, io);
  if (request.type === "refused") {
    throw new WeirError(
      "WEIR_CONFIG_INVALID",
      `Cannot compare "${args.join(" ")}": ${request.problems.map(messageOf).join("; ")}`,
    );
  }
  if (request.type !== "proxy") {
    throw new WeirError(
      "WEIR_CONFIG_INVALID",
      `Cannot compare "${args.join(" ")}": it asks for ${request.type}, not for a proxy`,
    );
  }
  for (const warning of request.warnings) io.stderr(`${warning}\n`);
  return request.config;
}
