/**
 * Which kernel nftables mode takes.
 *
 * @module
 */
import { WeirError } from "../../schemas/errors.ts";
import type { ProxyMode } from "../../schemas/proxy_mode.ts";

/** Upstream's `NFTablesKubeProxyKernelVersion`: also the first on which weir's rules load. */
const LEAST = { major: 5, minor: 13 } as const;

/** The environment variable that skips the check, kube-proxy's own: for patched older kernels. */
export const SKIP_KERNEL_CHECK = "KUBE_PROXY_NFTABLES_SKIP_KERNEL_VERSION_CHECK";

/**
 * Holds the kernel against what a mode takes.
 *
 * @param mode The mode that is to run. Plugins from outside know for themselves what they need.
 * @param release For example `6.18.44-fc`.
 * @param skip Whether the operator wants no check.
 * @throws {WeirError} WEIR_KERNEL with the remedy when it is too old.
 */
export function requireKernel(mode: ProxyMode, release: string, skip: boolean): void {
  if (skip || mode.type !== "builtin" || mode.name !== "nftables") return;
  const [major = NaN, minor = NaN] = release.split(/[.-]/).map(Number);
  // Whoever numbers otherwise is not kept from trying: the kernel itself is asked afterwards.
  if (Number.isNaN(major) || Number.isNaN(minor)) return;
  if (major > LEAST.major || (major === LEAST.major && minor >= LEAST.minor)) return;
  throw new WeirError(
    "WEIR_KERNEL",
    `Cannot use proxy mode "nftables": this is kernel ${release}, and it takes ` +
      `${LEAST.major}.${LEAST.minor} or later; update the node's kernel, or set ` +
      `${SKIP_KERNEL_CHECK}=1 if its distribution has brought nf_tables up to date`,
  );
}
