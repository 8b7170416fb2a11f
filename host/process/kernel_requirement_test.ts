/** Which kernels are good enough. */
import assert from "node:assert/strict";
import type { ProxyMode } from "../../schemas/proxy_mode.ts";
import { parseProxyMode } from "../../schemas/proxy_mode.ts";
import { requireKernel } from "./kernel_requirement.ts";

function mode(text: string): ProxyMode {
  const parsed = parseProxyMode(text);
  assert.ok(typeof parsed !== "string" && parsed.type !== "absent");
  return parsed;
}

for (const release of ["5.13.0", "5.15.0-91-generic", "6.1.0-18-cloud-amd64", "10.0", "oddly"]) {
  Deno.test(`kernel ${release} is good enough for nftables mode`, () => {
    requireKernel(mode("nftables"), release, false);
  });
}

for (const release of ["5.12.19", "4.18.0-513.el8.x86_64", "3.10.0", "5.4"]) {
  Deno.test(`kernel ${release} is too old for nftables mode, unless the check is skipped`, () => {
    assert.throws(() => requireKernel(mode("nftables"), release, false), {
      code: "WEIR_KERNEL",
      message:
        `Cannot use proxy mode "nftables": this is kernel ${release}, and it takes 5.13 or ` +
        "later; update the node's kernel, or set KUBE_PROXY_NFTABLES_SKIP_KERNEL_VERSION_CHECK=1 " +
        "if its distribution has brought nf_tables up to date",
    });
    requireKernel(mode("nftables"), release, true);
  });
}

Deno.test("a proxier from outside decides for itself which kernel it takes", () => {
  requireKernel(mode("/opt/ebpf/plugin.ts"), "4.19.0", false);
});
