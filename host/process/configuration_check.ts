/**
 * What in the configuration does not fit this node: what an operator may not have meant, and what
 * cannot work.
 *
 * Upstream: `checkBadIPConfig` of cmd/kube-proxy/app/server.go. What it says of nodePortAddresses
 * is said where the addresses are known (host/node_ports).
 *
 * @module
 */
import { parseBindAddress } from "../../schemas/bind_address.ts";
import type { WeirConfig } from "../../schemas/config.ts";
import { WeirError } from "../../schemas/errors.ts";
import { cidrContains, ipFamily, parseCidr } from "../../schemas/ip.ts";
import type { IpFamily } from "../../schemas/kube.ts";

/** What is held against each other. */
export interface ConfigurationFacts {
  readonly config: Pick<
    WeirConfig,
    "clusterCIDRs" | "detectLocalMode" | "healthzBindAddress" | "metricsBindAddress"
  >;
  /** The node's primary family. */
  readonly primary: IpFamily;
  /** The families that are served. */
  readonly served: readonly IpFamily[];
  /** The families of which the node has an address. */
  readonly present: readonly IpFamily[];
  /** Of the Node; empty while it has none. */
  readonly podCIDRs: readonly string[];
}

/** What came of it. */
export interface ConfigurationVerdict {
  /** For the log, one sentence each. */
  readonly warnings: readonly string[];
  /** Why weir must not run like this, or undefined. */
  readonly fault: WeirError | undefined;
}

const OTHER: Readonly<Record<IpFamily, IpFamily>> = { IPv4: "IPv6", IPv6: "IPv4" };

function familiesOf(cidrs: readonly string[]): ReadonlySet<IpFamily> {
  return new Set(cidrs.flatMap((text) => parseCidr(text)?.family ?? []));
}

/**
 * The node's own ranges of pods that --cluster-cidr leaves out. The controller manager takes them
 * from the flag of the same name (`--allocate-node-cidrs`), so that one that is outside is a slip.
 */
function podsOutside(clusterCIDRs: readonly string[], podCIDRs: readonly string[]): string[] {
  const ranges = clusterCIDRs.flatMap((text) => parseCidr(text) ?? []);
  return podCIDRs.filter((text) => {
    const pods = parseCidr(text);
    const others = ranges.filter(({ family }) => family === pods?.family);
    return pods !== undefined && others.length > 0 &&
      !others.some((range) => range.prefix <= pods.prefix && cidrContains(range, pods.network));
  });
}

/** Whether an address names one interface of a family, and not all. */
function isOnly(text: string, family: IpFamily): boolean {
  const address = text === "" ? "" : parseBindAddress(text, 1);
  return typeof address !== "string" && address.ip !== "0.0.0.0" && address.ip !== "::" &&
    ipFamily(address.ip) === family;
}

/**
 * Holds the configuration against the node.
 *
 * @param facts Both.
 * @returns What to warn of, and whether weir must not run.
 */
export function checkConfiguration(facts: ConfigurationFacts): ConfigurationVerdict {
  const { config, primary, served, present, podCIDRs } = facts;
  const warnings: string[] = [];
  let fault: WeirError | undefined;
  const single = served.length === 1;
  const node = single ? `is served in ${primary} only` : `has ${primary} as its primary family`;
  const ranges = [
    {
      name: "clusterCIDR",
      cidrs: config.clusterCIDRs,
      code: "WEIR_CONFIG_INVALID",
      decides: config.detectLocalMode === "ClusterCIDR",
      // Upstream has refused this only where no second family could need the range.
      fatal: single,
    },
    {
      name: "the Node's podCIDRs",
      cidrs: podCIDRs,
      code: "WEIR_NODE",
      decides: config.detectLocalMode === "NodeCIDR",
      fatal: true,
    },
  ] as const;
  for (const { name, cidrs, code, decides, fatal } of ranges) {
    const covered = familiesOf(cidrs);
    if (!decides || covered.size === 0) continue;
    if (!covered.has(primary)) {
      const state = `the node ${node}, and this is ${OTHER[primary]}`;
      const remedy = `give it a range of ${primary}, or an address of ${OTHER[primary]} as ` +
        "--bind-address if that is the node's primary one";
      if (fatal) {
        fault ??= new WeirError(
          code,
          `Cannot use ${name} "${cidrs.join(",")}": ${state}; ${remedy}`,
        );
      } else warnings.push(`${name} may be wrong: ${cidrs.join(",")}: ${state}; ${remedy}`);
    } else if (present.includes(OTHER[primary]) && served.includes(OTHER[primary])) {
      if (covered.has(OTHER[primary])) continue;
      warnings.push(
        `${name} has no range of ${OTHER[primary]}, of which the node has an address: ` +
          `pods' ${OTHER[primary]} traffic is not told from other traffic`,
      );
    }
  }
  if (config.detectLocalMode === "ClusterCIDR") {
    const outside = podsOutside(config.clusterCIDRs, podCIDRs);
    if (outside.length > 0) {
      warnings.push(
        `clusterCIDR may be wrong: ${config.clusterCIDRs.join(",")}: this Node's pods have ` +
          `addresses of ${outside.join(",")}, and count as clients from outside: their ` +
          "connections to Services are masqueraded; give --cluster-cidr the range of all pods",
      );
    }
  }
  if (single) {
    for (const name of ["healthzBindAddress", "metricsBindAddress"] as const) {
      if (!isOnly(config[name], OTHER[primary])) continue;
      warnings.push(`${name} may be wrong: ${config[name]}: the node ${node}`);
    }
  }
  return { warnings, fault };
}
