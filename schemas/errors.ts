/**
 * Every failure weir reports on purpose: one class, one list of codes.
 *
 * @module
 */

/**
 * The stable codes, one per kind of failure, with what each means. A code is never reused for
 * another meaning; the message may be bettered at any time.
 */
export const ERROR_CODES = {
  /** A value of the command line or a configuration file is not acceptable. */
  WEIR_CONFIG_INVALID: "a flag or a configuration field has a value that cannot be used",
  /** The configuration file has changed, and weir is told to end then. */
  WEIR_CONFIG_CHANGED: "the configuration file has changed; with --config-reload=exit weir ends",
  /** A kubeconfig, a token or a certificate cannot be read or used. */
  WEIR_CREDENTIALS: "the credentials for the API server cannot be read or used",
  /** The API server refused or did not answer. */
  WEIR_API_SERVER: "the API server refused a request or did not answer",
  /** Bytes of the API server do not decode. */
  WEIR_DECODE: "an answer of the API server does not decode",
  /** A file of `--manifests` does not parse or breaks the schema. */
  WEIR_MANIFEST_FILE: "a manifest file does not parse; its last good version stays",
  /** The plugin's source cannot be found, bundled or run, or does not match its pin. */
  WEIR_PLUGIN_LOAD: "a plugin's source cannot be read, bundled or run, or is not what is pinned",
  /** The plugin and the host do not speak the same version, or a grant is refused. */
  WEIR_PLUGIN_REFUSED: "the handshake between host and plugin was refused by one side",
  /** A plugin broke the wire protocol or one of its limits and was killed. */
  WEIR_PLUGIN_PROTOCOL: "a plugin broke the wire protocol or one of its limits",
  /** A plugin did not answer within its deadline, or not even acknowledge. */
  WEIR_PLUGIN_TIMEOUT: "a plugin did not answer before its deadline",
  /** The plugin's process ended while a call was pending. */
  WEIR_PLUGIN_DIED: "a plugin's process ended while a call was pending",
  /** The plugin died too often and is not started again. */
  WEIR_PLUGIN_PARKED: "a plugin died too often and is parked",
  /** A plugin's handler threw. */
  WEIR_PLUGIN_FAILED: "a handler of a plugin failed",
  /** A capability was asked for something outside its grant. */
  WEIR_GRANT_EXCEEDED: "a plugin asked a capability for something outside its grant",
  /** A transaction holds something that cannot be encoded. */
  WEIR_NFT_ENCODE: "an nftables transaction holds something that cannot be encoded",
  /** The kernel refused an nftables command. */
  WEIR_NFT_KERNEL: "the kernel refused an nftables command",
  /** A plugin wants a table of nftables that weir has not made for it. */
  WEIR_TABLE_FOREIGN: "the nftables table that a plugin wants is somebody else's",
  /** A setting of the kernel cannot be read or changed. */
  WEIR_SYSCTL: "a setting of the kernel cannot be read or changed",
  /** A netlink socket cannot be opened, written or read. */
  WEIR_NETLINK: "a netlink socket cannot be opened, written or read",
  /** A log file cannot be opened. */
  WEIR_LOG_FILE: "a log file cannot be opened; the message names the flag and the remedy",
  /** An address for health or metrics cannot be bound. */
  WEIR_BIND: "an address cannot be bound",
  /** An address, a CIDR or a port cannot be parsed. */
  WEIR_ADDRESS_INVALID: "an IP address, CIDR or port cannot be parsed",
  /** Another weir works in the same network namespace. */
  WEIR_RUNNING: "another weir runs in this network namespace",
  /** The node's kernel is too old, or lacks what the configuration needs. */
  WEIR_KERNEL: "the node's kernel cannot do what the configuration asks for",
  /** The Node object lacks what the configuration needs, or contradicts it. */
  WEIR_NODE: "the Node lacks what the configuration needs, or contradicts it",
  /** A profile cannot be taken, of weir itself or of a plugin. */
  WEIR_PROFILE: "a profile of a process cannot be taken",
  /** A network namespace or link cannot be made. */
  WEIR_NAMESPACE: "a namespace or link cannot be made",
  /** Asked of weir by a person or a program. */
  WEIR_QUESTION_INVALID: "a question to explain, diff or top cannot be understood",
  /** Seen by a subcommand. */
  WEIR_UNREACHABLE: "no running weir answers at its metrics address",
} as const;

/** A code of {@linkcode ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES;

/**
 * An error that weir reports on purpose. Its message reads
 * `Cannot <action> "<value>": <current state>`.
 *
 * @example A message says what was tried and why it cannot be
 * ```ts
 * import { WeirError } from "weir";
 * import assert from "node:assert/strict";
 *
 * const error = new WeirError("WEIR_ADDRESS_INVALID", 'Cannot parse IP address "10.1": it has 2 octets');
 * assert.equal(error.code, "WEIR_ADDRESS_INVALID");
 * ```
 */
export class WeirError extends Error {
  /** What a stack trace begins with. */
  override readonly name: string = "WeirError";
  /** The stable code, for programs; the message is for people. */
  readonly code: ErrorCode;
  /** Where in the input the fault lies, outermost first, for example `["spec", "ports", 0]`. */
  readonly path: readonly (string | number)[];

  /**
   * Makes an error to throw.
   *
   * @param code The stable code.
   * @param message `Cannot <action> "<value>": <current state>`, without a final period.
   * @param options The cause, if another error led here, and the path of the offending field.
   */
  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly path?: readonly (string | number)[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.path = options.path ?? [];
  }
}

/**
 * The message of anything thrown, for a log line.
 *
 * @param thrown What a `catch` received.
 * @returns Its message, or its text if it is not an Error.
 *
 * @example
 * ```ts
 * import { messageOf } from "weir";
 * import assert from "node:assert/strict";
 *
 * assert.equal(messageOf(new Error("no route")), "no route");
 * assert.equal(messageOf("plain"), "plain");
 * ```
 */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
