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

/** Flags that no proxy takes. What a file has wrong is not among it. */
export class RefusedFlags extends WeirError {
  /**
   * @param args The flags.
   * @param state What is wrong with them.
   */
  constructor(args: readonly string[], state: string) {
    super("WEIR_CONFIG_INVALID", `Cannot compare "${args.join(" ")}": ${state}`);
  }
}

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
 * @throws {RefusedFlags} When they cannot be used, or ask for no proxy.
 * @throws {WeirError} WEIR_CONFIG_INVALID when its file cannot be used.
 */
export async function otherConfig(args: readonly string[], io: CliIo): Promise<WeirConfig> {
  const request = await resolveRequest(args, io);
  if (request.type === "refused") {
    const state = request.problems.map(messageOf).join("; ");
    if (request.source !== "file") throw new RefusedFlags(args, state);
    throw new WeirError("WEIR_CONFIG_INVALID", `Cannot compare "${args.join(" ")}": ${state}`);
  }
  if (request.type !== "proxy") {
    throw new RefusedFlags(args, `it asks for ${request.type}, not for a proxy`);
  }
  for (const warning of request.warnings) io.stderr(`${warning}\n`);
  return request.config;
}
