/**
 * Pod traffic is what comes in by one bridge: kube-proxy's `--detect-local-mode=BridgeInterface`.
 *
 * @module
 */
import { defineLocalDetector, WeirError } from "weir";

/** IFNAMSIZ is 16 with the terminating NUL; dev_valid_name() refuses `/`, `:` and white space. */
const INTERFACE_NAME = /^(?!\.\.?$)[^/:\s]{1,15}$/;

export default defineLocalDetector({
  name: "detect-bridge-interface",
  version: "0.1.0",
  api: 1,
  detect: (_node, { bridgeInterface }) => {
    if (!INTERFACE_NAME.test(bridgeInterface)) {
      throw new WeirError(
        "WEIR_CONFIG_INVALID",
        `Cannot use bridge interface "${bridgeInterface}": ` +
          "it is not 1 to 15 characters without /, : and white space",
      );
    }
    return [{ type: "interface", name: bridgeInterface }];
  },
});
