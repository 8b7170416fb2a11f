/**
 * The error of a refused transaction.
 *
 * @module
 */
import * as v from "valibot";
import type { NftFailure } from "../../../schemas/capability.ts";
import { WeirError } from "../../../schemas/errors.ts";

const FailureSchema = v.object({
  message: v.number(),
  errno: v.number(),
  name: v.string(),
  detail: v.string(),
});

/**
 * What the errno of a rule leaves open: nft_expr_init() answers the same for a chain that is not
 * there and for an expression whose module could not be loaded.
 */
function remedyOf(command: string, { name }: NftFailure): string {
  return name === "ENOENT" && command.startsWith("add rule ")
    ? "; a chain, a set or an expression of it is not there: of expressions the node's kernel has " +
      "to load modules, such as nft_ct, nft_nat, nft_masq, nft_fib_ipv4 and nft_numgen (modprobe)"
    : "";
}

/**
 * The kernel refused a transaction, and nothing of it took effect. It names the guilty command.
 *
 * @example
 * ```ts
 * import { NftError } from "weir";
 * import assert from "node:assert/strict";
 *
 * const error = new NftError('add rule ip hello services goto "missing"', {
 *   message: 0,
 *   errno: 2,
 *   name: "ENOENT",
 *   detail: "",
 * });
 * assert.equal(error.code, "WEIR_NFT_KERNEL");
 * assert.equal(error.errno, 2);
 * ```
 */
export class NftError extends WeirError {
  /** What a stack trace begins with. */
  override readonly name = "NftError";
  /** The guilty command in nft syntax; "" when the kernel refused the batch as a whole. */
  readonly command: string;
  /** Positive errno of Linux. */
  readonly errno: number;
  /** Its name, for example ENOENT. */
  readonly errnoName: string;

  /**
   * Makes an error to throw.
   *
   * @param command In nft syntax, or "".
   * @param failure What the kernel said.
   */
  constructor(command: string, failure: NftFailure) {
    const what = command === "" ? "commit nftables transaction" : `execute "${command}"`;
    const detail = failure.detail === "" ? "" : ` (${failure.detail})`;
    super(
      "WEIR_NFT_KERNEL",
      `Cannot ${what}: the kernel answered ${failure.name}${detail}` +
        remedyOf(command, failure),
      { cause: failure },
    );
    this.command = command;
    this.errno = failure.errno;
    this.errnoName = failure.name;
  }
}

/**
 * Finds in an error what the kernel said.
 *
 * @param thrown What a commit threw.
 * @returns The failure, or undefined when the error is of another kind.
 */
export function failureOf(thrown: unknown): NftFailure | undefined {
  if (!(thrown instanceof WeirError) || thrown.code !== "WEIR_NFT_KERNEL") return undefined;
  const parsed = v.safeParse(FailureSchema, thrown.cause);
  return parsed.success ? parsed.output : undefined;
}
