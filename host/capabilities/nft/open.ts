/**
 * Opens nf_tables and its monitor together, or says what the node lacks.
 *
 * @module
 */
import { messageOf, WeirError } from "../../../schemas/errors.ts";
import { errnoOf } from "../errno.ts";
import { NftKernel, type NftKernelOptions } from "./kernel.ts";
import { NftMonitor, type NftMonitorOptions } from "./monitor.ts";

/** What helps, by the errno of the first call that fails. */
const REMEDIES: ReadonlyMap<number, string> = new Map([
  // Joining a netfilter multicast group needs the capability (netlink(7)), as every commit does.
  [errnoOf("EPERM"), "run weir as root or with CAP_NET_ADMIN"],
  [errnoOf("EPROTONOSUPPORT"), "this kernel has no nfnetlink: load the module nf_tables"],
]);

/** Of a call or a listing itself, or of what the kernel answered to a batch. */
function errnoOfRefusal(fault: unknown): number | undefined {
  const origins = [fault, fault instanceof WeirError ? fault.cause : undefined];
  for (const origin of origins) {
    if (typeof origin !== "object" || origin === null || !("errno" in origin)) continue;
    if (typeof origin.errno === "number") return origin.errno;
  }
  return undefined;
}

/**
 * Says what helps where nf_tables cannot be had.
 *
 * @param cause What was thrown when it was opened or used.
 * @returns An error of code WEIR_NETLINK with the remedy.
 */
export function nftRefusal(cause: unknown): WeirError {
  const errno = errnoOfRefusal(cause);
  const remedy = errno === undefined ? undefined : REMEDIES.get(errno);
  return new WeirError(
    "WEIR_NETLINK",
    `Cannot open nftables "of this network namespace": ${messageOf(cause)}` +
      (remedy === undefined ? "" : `; ${remedy}`),
    { cause },
  );
}

/**
 * Opens nf_tables in the namespace of the calling thread, with an eye on what others do to it.
 *
 * @param kernelOptions Of the kernel's end.
 * @param monitorOptions Of the monitor, which learns by itself which commits are our own.
 * @returns Both; the monitor is to be closed first.
 * @throws {WeirError} WEIR_NETLINK with the remedy when the kernel refuses; nothing stays open.
 */
export function openNft(
  kernelOptions: NftKernelOptions,
  monitorOptions: Omit<NftMonitorOptions, "kernel">,
): { readonly kernel: NftKernel; readonly monitor: NftMonitor } {
  let kernel: NftKernel | undefined;
  try {
    kernel = new NftKernel(kernelOptions);
    return { kernel, monitor: new NftMonitor({ ...monitorOptions, kernel }) };
  } catch (cause) {
    void kernel?.close();
    throw nftRefusal(cause);
  }
}
