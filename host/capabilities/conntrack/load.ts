/**
 * Has connection tracking there before anything needs it.
 *
 * @module
 */
import { WeirError } from "../../../schemas/errors.ts";
import { ConntrackKernel } from "./kernel.ts";

/**
 * Has the kernel load nf_conntrack, without which there are no settings of it. A message for
 * ctnetlink does (nfnetlink_rcv_msg() requests the module of a subsystem that is not there), and
 * needs no modprobe(8) in the container. Where that is not possible nothing has changed, and who
 * needs the module says so.
 *
 * @returns Settles when the kernel has answered.
 */
export async function loadConntrack(): Promise<void> {
  try {
    const kernel = new ConntrackKernel();
    try {
      await kernel.usage();
    } finally {
      await kernel.close();
    }
  } catch (fault) {
    if (!(fault instanceof WeirError)) throw fault;
  }
}
