/**
 * What names and comments may be.
 *
 * @module
 */
import { WeirError } from "../../../schemas/errors.ts";

/**
 * Checks a name, which becomes part of text as well as of messages.
 *
 * @param what For the error, for example `chain`.
 * @param name To be checked.
 * @throws {WeirError} WEIR_NFT_ENCODE when nft could not read it or the kernel would refuse it.
 */
export function checkName(what: string, name: string): void {
  // NFT_NAME_MAXLEN is 256 with the NUL; the characters are those of nft's grammar.
  if (!/^[a-zA-Z][a-zA-Z0-9/\\_.-]{0,254}$/.test(name)) {
    throw new WeirError(
      "WEIR_NFT_ENCODE",
      `Cannot use ${what} name "${name}": it must be a letter, then up to 254 of a–z, 0–9, / \\ _ . -`,
    );
  }
}

/**
 * Checks a comment.
 *
 * @param comment To be checked.
 * @throws {WeirError} WEIR_NFT_ENCODE when nft could not print it such that it can be read again.
 */
export function checkComment(comment: string): void {
  // NFTNL_UDATA_COMMENT_MAXLEN.
  if (/["\n\0]/.test(comment) || new TextEncoder().encode(comment).length > 128) {
    throw new WeirError(
      "WEIR_NFT_ENCODE",
      `Cannot use comment "${comment}": it must be up to 128 bytes without a double quote`,
    );
  }
}
