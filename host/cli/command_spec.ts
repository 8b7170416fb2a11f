/**
 * A subcommand with flags of its own, as data: the parser, its help and the shells' completion are
 * made of it.
 *
 * @module
 */

import { readServerAddress } from "./server_address.ts";

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
  /** Says why a value cannot be used; undefined for one that can. */
  readonly refuse?: (value: string) => string | undefined;
  /** The name of a flag without which this one means nothing. */
  readonly needs?: string;
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

/** The flag of every command that asks a running weir. */
export const SERVER: CommandOption = {
  name: "server",
  placeholder: "address",
  help: "Where the running weir serves its metrics (--metrics-bind-address)",
  byDefault: "127.0.0.1:10249",
  refuse: (value) => {
    const address = readServerAddress(value);
    return address.type === "refused" ? address.state : undefined;
  },
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
