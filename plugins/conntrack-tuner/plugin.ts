/**
 * Sets the node's connection tracking as `conntrack` of the configuration says, which is what
 * kube-proxy does at its start.
 *
 * @module
 */
import {
  defineConntrackTuner,
  messageOf,
  type SysctlClient,
  sysctlFailureOf,
  WeirError,
} from "weir";
import { type Setting, settingsOf } from "./settings.ts";

const NOT_GRANTED = "the plugin was not granted it; allow it in the plugin's policy";

/** Settings that could not be made, by the reason, so that it is said once. */
type Refusals = Map<string, Setting[]>;

function refuse(refusals: Refusals, reason: string, setting: Setting): void {
  const settings = refusals.get(reason);
  if (settings === undefined) refusals.set(reason, [setting]);
  else settings.push(setting);
}

/** One error for everything that could not be done; each sysctl as sysctl(8) takes it. */
function refusalOf(refusals: Refusals): WeirError {
  const parts = [...refusals].map(([reason, settings]) => {
    const list = settings.map(({ key, value }) => `${key}=${value}`).join(" ");
    return `Cannot set sysctl "${list}": ${reason}`;
  });
  return new WeirError("WEIR_SYSCTL", parts.join(". "));
}

export default defineConntrackTuner({
  name: "conntrack-tuner",
  version: "0.1.0",
  api: 1,
  uses: {
    sysctl: {
      version: 1,
      keys: [
        "net.netfilter.nf_conntrack_max",
        "net.netfilter.nf_conntrack_buckets",
        "net.netfilter.nf_conntrack_tcp_timeout_established",
        "net.netfilter.nf_conntrack_tcp_timeout_close_wait",
        "net.netfilter.nf_conntrack_tcp_be_liberal",
        "net.netfilter.nf_conntrack_udp_timeout",
        "net.netfilter.nf_conntrack_udp_timeout_stream",
      ],
    },
  },

  async tune(node, config, { sysctl, log }) {
    const refusals: Refusals = new Map();
    const set = async ({ key, value }: Setting, { set }: SysctlClient) => {
      const { before, after } = await set(key, value);
      // A change is logged by the host.
      if (before === after) {
        log.debug("Left sysctl as it is", { sysctl: key, value: after, wanted: value });
      }
    };
    // One that fails does not keep the others from being set.
    for (const setting of settingsOf(node, config)) {
      if (sysctl?.keys.includes(setting.key) !== true) {
        refuse(refusals, NOT_GRANTED, setting);
        continue;
      }
      try {
        await set(setting, sysctl);
      } catch (thrown) {
        refuse(refusals, sysctlFailureOf(thrown)?.reason ?? messageOf(thrown), setting);
      }
    }
    if (refusals.size > 0) throw refusalOf(refusals);
  },
});
