/**
 * Why the API server gave no answer that can be used.
 *
 * @module
 */
import { WeirError } from "../../../schemas/errors.ts";
import type { ApiStatus } from "./decoder.ts";

/** What is known of a failure. */
export interface ApiFailure {
  /** The HTTP status, or 0 when there was no answer at all. */
  readonly status: number;
  /** One word: a Status' reason as `Expired`, or an error's code as `ECONNREFUSED`. */
  readonly reason: string;
  /** The reasons of the Status' causes. */
  readonly causes: readonly string[];
  /** Milliseconds the server asks to wait, or 0. */
  readonly retryAfter: number;
}

/** A request that failed, with what a program wants to know of it. */
export class ApiError extends WeirError implements ApiFailure {
  /** The HTTP status, or 0 when there was no answer at all. */
  readonly status: number;
  /** One word: a Status' reason as `Expired`, or an error's code as `ECONNREFUSED`. */
  readonly reason: string;
  /** The reasons of the Status' causes. */
  readonly causes: readonly string[];
  /** Milliseconds the server asks to wait, or 0. */
  readonly retryAfter: number;

  /**
   * @param message For people.
   * @param failure For programs.
   * @param cause What was thrown below, if anything.
   */
  constructor(message: string, failure: ApiFailure, cause?: unknown) {
    super("WEIR_API_SERVER", message, cause === undefined ? {} : { cause });
    this.status = failure.status;
    this.reason = failure.reason;
    this.causes = failure.causes;
    this.retryAfter = failure.retryAfter;
  }
}

/**
 * The failure that a Status tells of.
 *
 * @param status The Status.
 * @param httpStatus The answer's HTTP status, if the Status itself has none.
 * @param retryAfterHeader The Retry-After header in seconds, "" when absent. A date is ignored:
 * the API server sends seconds.
 * @returns The failure.
 */
export function failureOf(
  status: ApiStatus,
  httpStatus: number,
  retryAfterHeader: string,
): ApiFailure {
  const seconds = /^\d{1,6}$/.test(retryAfterHeader)
    ? Number(retryAfterHeader)
    : status.retryAfterSeconds;
  return {
    status: status.code === 0 ? httpStatus : status.code,
    reason: status.reason,
    causes: status.causes,
    retryAfter: seconds * 1000,
  };
}

/**
 * Tells whether a version is no longer in the server's history, so that the state must be listed.
 *
 * @param error What a request threw.
 * @returns True for status 410 (reasons Expired and Gone).
 */
export function isExpired(error: unknown): boolean {
  return error instanceof ApiError && error.status === 410;
}

/**
 * Tells whether the server does not know the version yet: another server of the cluster gave it,
 * or etcd was restored from a backup.
 *
 * @param error What a request threw.
 * @returns True for status 504 with the cause ResourceVersionTooLarge.
 */
export function isTooLarge(error: unknown): boolean {
  return error instanceof ApiError && error.status === 504 &&
    error.causes.includes("ResourceVersionTooLarge");
}
