/**
 * Pod traffic is what comes from the cluster CIDR: kube-proxy's `--detect-local-mode=ClusterCIDR`,
 * its default.
 *
 * @module
 */
import { defineLocalDetector, formatIp, type LocalMatch, parseCidr, WeirError } from "weir";

function matchOf(text: string): LocalMatch {
  const cidr = parseCidr(text);
  if (cidr === undefined) {
    throw new WeirError("WEIR_CONFIG_INVALID", `Cannot use cluster CIDR "${text}": it is no CIDR`);
  }
  const { family, network, prefix } = cidr;
  return { type: "cidr", family, cidr: `${formatIp(network)}/${prefix}` };
}

export default defineLocalDetector({
  name: "detect-cluster-cidr",
  version: "0.1.0",
  api: 1,
  // Without a cluster CIDR kube-proxy's detector is a no-op: nothing is masqueraded for its source.
  detect: (_node, { clusterCIDRs }) => clusterCIDRs.map(matchOf),
});
