/**
 * The kernel and what this process may do with it.
 *
 * @module
 */
import type { IpFamily } from "../../schemas/kube.ts";
import type { ProxyMode } from "../../schemas/proxy_mode.ts";
import type { FamilySupport } from "../capabilities/nft/families.ts";
import type { Forwarding } from "../capabilities/sysctl/readings.ts";
import { requireKernel } from "../process/kernel_requirement.ts";
import { attempted, failure, good, skipped, type Tick, type TickGroup, warning } from "./tick.ts";

/** What is asked of the kernel. */
export interface KernelQuestions {
  readonly mode: ProxyMode;
  /** For example `6.18.44`. */
  readonly release: string;
  readonly skipKernelCheck: boolean;
  /** Which families nf_tables can serve. */
  readonly probe: () => Promise<FamilySupport>;
  /** Of `/proc/self/status`. */
  readonly processStatus: () => string;
  /** Entries of the conntrack table and their limit; undefined without one. */
  readonly conntrack: () => { readonly entries: number; readonly limit: number } | undefined;
  /** Whether plugins are jailed by a user namespace, which takes no capability. */
  readonly userNamespaces: () => Promise<boolean>;
  /** Counts tracked flows by netlink; throws where that is not possible. */
  readonly askConntrack: () => Promise<unknown>;
  /** Whether packets are forwarded. */
  readonly forwarding: (family: IpFamily) => Forwarding;
}

/** Numbers of capabilities. Source: include/uapi/linux/capability.h. */
const CAPABILITIES = [
  { name: "CAP_NET_ADMIN", bit: 12, use: "rules and conntrack", needed: true },
  { name: "CAP_SYS_ADMIN", bit: 21, use: "plugins' own network namespaces", needed: false },
  { name: "CAP_SETUID", bit: 7, use: "another user for plugins", needed: false },
  { name: "CAP_SETGID", bit: 6, use: "another user for plugins", needed: false },
  { name: "CAP_SETPCAP", bit: 8, use: "no capability for plugins", needed: false },
] as const;

const FORWARDING: Readonly<Record<IpFamily, string>> = {
  IPv4: "net.ipv4.ip_forward",
  IPv6: "net.ipv6.conf.all.forwarding",
};

/** From this part of its limit on, a conntrack table is nearly full. */
const NEARLY_FULL = 0.9;

async function kernelTicks(questions: KernelQuestions): Promise<readonly Tick[]> {
  const { mode, release, skipKernelCheck, probe } = questions;
  const version = await attempted(`kernel ${release}`, () => {
    requireKernel(mode, release, skipKernelCheck);
    return [good(`kernel ${release}`)];
  });
  const families = await attempted("nf_tables", async () => {
    const { working, lacking } = await probe();
    const none = working.length === 0;
    return [
      ...working.map((family) => good(`nf_tables serves ${family}`)),
      ...Object.entries(lacking).map(([family, reason]) =>
        none
          ? failure(`this kernel does not serve ${family}`, reason)
          : warning(`this kernel does not serve ${family}`, reason)
      ),
    ];
  });
  return [...version, ...families];
}

async function privileges(
  { processStatus, userNamespaces }: KernelQuestions,
): Promise<readonly Tick[]> {
  const [, hexadecimal] = /^CapEff:\s*([0-9a-f]+)$/m.exec(processStatus()) ?? [];
  if (hexadecimal === undefined) return [skipped("capabilities: the kernel does not tell")];
  const effective = BigInt(`0x${hexadecimal}`);
  const instead = await userNamespaces();
  return CAPABILITIES.map(({ name, bit, use, needed }) => {
    if (effective >> BigInt(bit) & 1n) return good(`${name} for ${use}`);
    if (!needed && instead) return good(`a user namespace in place of ${name} for ${use}`);
    const what = `no ${name} for ${use}`;
    const remedy = `run weir as root, or give it ${name} (securityContext.capabilities.add)`;
    return needed ? failure(what, remedy) : warning(what, remedy);
  });
}

async function settings(questions: KernelQuestions): Promise<readonly Tick[]> {
  const { forwarding, conntrack, askConntrack } = questions;
  const forwarded = (["IPv4", "IPv6"] as const).map((family) => {
    const key = FORWARDING[family];
    switch (forwarding(family)) {
      case "on":
        return good(`${key} is on`);
      case "off":
        return warning(
          `${key} is off: connections to pods are not forwarded`,
          `sysctl -w ${key}=1, and in /etc/sysctl.d for the next boot`,
        );
      case "absent":
        return skipped(`${key}: this kernel has no ${family}`);
      case "disabled":
        return skipped(`${key}: net.ipv6.conf.all.disable_ipv6 keeps IPv6 from all interfaces`);
    }
  });
  const tracked = await attempted("connection tracking", async () => {
    await askConntrack();
    const usage = conntrack();
    if (usage === undefined) return [good("connection tracking is there")];
    const { entries, limit } = usage;
    if (limit === 0 || entries < limit * NEARLY_FULL) {
      return [good(`connection tracking: ${entries} of ${limit === 0 ? "any" : limit} entries`)];
    }
    return [warning(
      `connection tracking is nearly full: ${entries} of ${limit} entries`,
      "give more with --conntrack-min or --conntrack-max-per-core; new connections are dropped " +
        "when it is full",
    )];
  });
  return [...forwarded, ...tracked];
}

/**
 * Looks at the kernel.
 *
 * @param questions What is asked of it.
 * @returns The groups.
 */
export async function checkKernel(questions: KernelQuestions): Promise<readonly TickGroup[]> {
  return [
    { title: "Kernel", ticks: await kernelTicks(questions) },
    {
      title: "Privileges",
      ticks: await attempted("capabilities", () => privileges(questions)),
    },
    { title: "Settings", ticks: await settings(questions) },
  ];
}
