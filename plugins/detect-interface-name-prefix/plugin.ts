/**
 * Pod traffic is what comes in by an interface whose name begins so: kube-proxy's
 * `--detect-local-mode=InterfaceNamePrefix`.
 *
 * @module
 */
import { defineLocalDetector, WeirError } from "weir";

/** IFNAMSIZ is 16 with the terminating NUL; dev_valid_name() refuses `/`, `:` and white space. */
const INTERFACE_NAME_PREFIX = /^[^/:\s]{1,15}$/;

export default defineLocalDetector({
  name: "detect-interface-name-prefix",
  version: "0.1.0",
  api: 1,
  detect: (_node, { interfaceNamePrefix }) => {
    if (!INTERFACE_NAME_PREFIX.test(interfaceNamePrefix)) {
      throw new WeirError(
        "WEIR_CONFIG_INVALID",
        `Cannot use interface name prefix "${interfaceNamePrefix}": ` +
          "it is not 1 to 15 characters without /, : and white space",
      );
    }
    return [{ type: "interfacePrefix", prefix: interfaceNamePrefix }];
  },
});
