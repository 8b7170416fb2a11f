/**
 * How kernels say that something is not there: a subsystem, in which then nothing can have been
 * left, or a thing that somebody else has removed meanwhile; or that it is in use.
 *
 * @module
 */
import { WeirError } from "../../../schemas/errors.ts";
import { errnoOf } from "../errno.ts";

const ABSENT: ReadonlySet<number> = new Set([
  errnoOf("ENOENT"),
  // nf_tables without the family.
  errnoOf("EAFNOSUPPORT"),
  errnoOf("EOPNOTSUPP"),
  // nfnetlink without the subsystem.
  errnoOf("EINVAL"),
]);

/**
 * Whether a refusal to list something means that it cannot be there.
 *
 * @param errno Positive errno of Linux.
 * @returns False for refusals of another kind, EPERM above all.
 */
export function isAbsent(errno: number): boolean {
  return ABSENT.has(errno);
}

const GONE: ReadonlySet<number> = new Set([errnoOf("ENOENT"), errnoOf("ENODEV")]);

/**
 * The errno with which the kernel refused, wherever the error carries it.
 *
 * @param fault What was thrown.
 * @returns A positive errno of Linux, or undefined when it was no refusal by the kernel.
 */
export function errnoOfFault(fault: unknown): number | undefined {
  if (typeof fault !== "object" || fault === null) return undefined;
  if ("errno" in fault && typeof fault.errno === "number") return fault.errno;
  return fault instanceof WeirError ? errnoOfFault(fault.cause) : undefined;
}

/**
 * Whether the kernel refused because what is to be removed is not there.
 *
 * @param fault What was thrown.
 * @returns True when somebody else has removed it.
 */
export function isGone(fault: unknown): boolean {
  const errno = errnoOfFault(fault);
  return errno !== undefined && GONE.has(errno);
}

/** IPSET_ERR_BUSY: ipset has error numbers of its own, from 4096 on. */
export const IPSET_ERR_BUSY = 4100;

/**
 * Whether the kernel refused because something is in use.
 *
 * @param fault What was thrown.
 * @returns True when a rule holds it.
 */
export function isBusy(fault: unknown): boolean {
  const errno = errnoOfFault(fault);
  return errno === errnoOf("EBUSY") || errno === IPSET_ERR_BUSY;
}
