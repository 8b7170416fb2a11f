/**
 * Pod traffic is what comes from this Node's pod CIDRs: kube-proxy's
 * `--detect-local-mode=NodeCIDR`.
 *
 * @module
 */
import { defineLocalDetector, formatIp, type LocalMatch, parseCidr, WeirError } from "weir";

export default defineLocalDetector({
  name: "detect-node-cidr",
  version: "0.1.0",
  api: 1,
  // A Node has no pod CIDR until the controller manager allocates one; the host asks again when
  // the Node changes.
  detect: (node) =>
    node.podCIDRs.map((text): LocalMatch => {
      const cidr = parseCidr(text);
      if (cidr === undefined) {
        throw new WeirError(
          "WEIR_ADDRESS_INVALID",
          `Cannot use pod CIDR "${text}" of node "${node.name}": it is no CIDR`,
        );
      }
      const { family, network, prefix } = cidr;
      return { type: "cidr", family, cidr: `${formatIp(network)}/${prefix}` };
    }),
});
