/**
 * Decides what a plugin may do: what its manifest asks for, as far as the operator's policy
 * allows it, narrowed to objects. Never more than was asked for, never more than is allowed.
 *
 * @module
 */
import * as v from "valibot";
import { WeirError } from "../schemas/errors.ts";
import {
  type CapabilityRequests,
  CapabilityRequestsSchema,
  type Grants,
  type PluginManifest,
  PluginManifestSchema,
} from "../schemas/manifest.ts";
import {
  CONNTRACK_SYSCTLS,
  FORWARDING_SYSCTLS,
  SYSCTL_KEYS,
  type SysctlKey,
} from "../schemas/sysctl.ts";
import { API_VERSIONS, CAPABILITY_VERSIONS } from "../schemas/wire.ts";
import type { GrantedCapability } from "./capabilities/capability.ts";

/** What the operator allows one plugin. */
export interface PluginPolicy {
  /**
   * Tables that it may own: those listed, or `own`: any one table that is not reserved. In either
   * case one that is there and that weir has not made is nobody's to be given (nft/claim.ts).
   */
  readonly nft?: { readonly tables: "own" | readonly string[] };
  /** Tracked flows that it may have removed: stale ones of service ports. */
  readonly conntrack?: { readonly flows: "services" };
  /** Settings of the kernel that it may read and write. */
  readonly sysctl?: { readonly keys: readonly SysctlKey[] };
}

const CONNTRACK_KEYS = SYSCTL_KEYS.filter((key) => key in CONNTRACK_SYSCTLS);
const FORWARDING_KEYS = SYSCTL_KEYS.filter((key) => key in FORWARDING_SYSCTLS);

/** What each kind of plugin may do unless the operator says otherwise. */
export const DEFAULT_POLICIES: Readonly<Record<PluginManifest["kind"], PluginPolicy>> = {
  "proxier": {
    nft: { tables: "own" },
    conntrack: { flows: "services" },
    sysctl: { keys: FORWARDING_KEYS },
  },
  "local-detector": {},
  "conntrack-tuner": { sysctl: { keys: CONNTRACK_KEYS } },
};

/**
 * Tables that belong to others, so that no policy of `own` covers them: kube-proxy and its
 * companions, iptables-nft (the names of its tables), firewalls, container engines, VPNs.
 */
export const RESERVED_TABLES: ReadonlySet<string> = new Set([
  "kube-proxy",
  "kubernetes",
  "kube-router",
  "cilium",
  "calico",
  "flannel-ipv4",
  "flannel-ipv6",
  "ovn-kubernetes",
  "kube-network-policies",
  "filter",
  "nat",
  "mangle",
  "raw",
  "security",
  "firewalld",
  "ufw",
  "docker",
  "docker-bridges",
  "podman",
  "netavark",
  "libvirt-network",
  "lxc",
  "incus",
  "tailscale",
  "fail2ban",
  "fw4",
  "nixos-fw",
  "kindnetd-ipmasq",
  "ip-masq-agent",
  "wg-quick",
  "systemd",
]);

function refusal(plugin: string, state: string, cause?: unknown): WeirError {
  const message = `Cannot start plugin "${plugin}": ${state}`;
  return new WeirError("WEIR_PLUGIN_REFUSED", message, cause === undefined ? {} : { cause });
}

/**
 * Reads a manifest as a plugin sent it, the versions first: a manifest of another API may break
 * this API's schema, and what its author must hear is the version.
 *
 * @param input Not yet validated.
 * @param host The host's version, for the message.
 * @returns The manifest.
 * @throws {WeirError} WEIR_PLUGIN_REFUSED, naming both sides' versions and the remedy, or the
 * path of the offending field.
 */
export function readManifest(input: unknown, host: string): PluginManifest {
  const head = v.safeParse(v.object({ name: v.string(), api: v.number() }), input);
  if (head.success && !API_VERSIONS.includes(head.output.api)) {
    const { name, api } = head.output;
    const remedy = api > Math.max(...API_VERSIONS) ? "upgrade weir" : "build the plugin anew";
    const speaks = API_VERSIONS.join(", ");
    throw refusal(name, `it speaks api ${api}, weir ${host} speaks api ${speaks}; ${remedy}`);
  }
  const result = v.safeParse(PluginManifestSchema, input);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = v.getDotPath(issue) ?? "manifest";
  throw refusal(head.success ? head.output.name : "unknown", `${path}: ${stateOf(issue, path)}`);
}

/** What is wrong, for who wrote the manifest: valibot tells of types and of its own schemas. */
function stateOf({ type, expected, input, message }: v.BaseIssue<unknown>, path: string): string {
  if (type === "strict_object" && expected === "never") {
    return /^(requires|uses)\.[^.]+$/.test(path)
      ? `weir has no such capability; there are ${
        Object.keys(CapabilityRequestsSchema.entries).join(", ")
      }`
      : "there is no such field";
  }
  if (input === undefined) return "it is missing";
  return type === "literal" ? `it is ${JSON.stringify(input)}, weir has ${expected}` : message;
}

function nftRefusal(
  request: CapabilityRequests["nft"],
  policy: PluginPolicy,
): string | undefined {
  if (request === undefined) return undefined;
  const versions = CAPABILITY_VERSIONS["nft"] ?? [];
  if (!versions.includes(request.version)) {
    return `it wants nft version ${request.version}, weir has ${versions.join(", ")}; ` +
      "use the plugin's release for this weir";
  }
  const tables = policy.nft?.tables;
  const wish = `it wants the nft table "${request.table}"`;
  if (tables === undefined) {
    return `${wish}, its policy allows none; allow it in the plugin's policy`;
  }
  if (tables === "own") {
    return RESERVED_TABLES.has(request.table)
      ? `${wish}, which belongs to another program; rename the table in the plugin`
      : undefined;
  }
  return tables.includes(request.table)
    ? undefined
    : `${wish}, its policy allows ${tables.join(", ") || "none"}; allow it in the plugin's policy`;
}

function conntrackRefusal(
  request: CapabilityRequests["conntrack"],
  policy: PluginPolicy,
): string | undefined {
  if (request === undefined) return undefined;
  const versions = CAPABILITY_VERSIONS["conntrack"] ?? [];
  if (!versions.includes(request.version)) {
    return `it wants conntrack version ${request.version}, weir has ${versions.join(", ")}; ` +
      "use the plugin's release for this weir";
  }
  return policy.conntrack === undefined
    ? "it wants conntrack, its policy allows none; allow it in the plugin's policy"
    : undefined;
}

/** The requested settings that the policy does not allow. */
function refusedKeys(
  request: CapabilityRequests["sysctl"],
  policy: PluginPolicy,
): readonly SysctlKey[] {
  return request?.keys.filter((key) => policy.sysctl?.keys.includes(key) !== true) ?? [];
}

function sysctlRefusal(
  request: CapabilityRequests["sysctl"],
  policy: PluginPolicy,
): string | undefined {
  if (request === undefined) return undefined;
  const versions = CAPABILITY_VERSIONS["sysctl"] ?? [];
  if (!versions.includes(request.version)) {
    return `it wants sysctl version ${request.version}, weir has ${versions.join(", ")}; ` +
      "use the plugin's release for this weir";
  }
  const refused = refusedKeys(request, policy);
  const allowed = policy.sysctl?.keys.join(", ") || "none";
  return refused.length === 0
    ? undefined
    : `it wants the sysctls ${refused.join(", ")}, its policy allows ${allowed}; ` +
      "allow them in the plugin's policy";
}

/** All settings that are required, and of those that are only used the ones that are allowed. */
function grantedKeys({ requires, uses }: PluginManifest, policy: PluginPolicy): SysctlKey[] {
  const refused = new Set(refusedKeys(uses.sysctl, policy));
  const used = uses.sysctl?.keys.filter((key) => !refused.has(key)) ?? [];
  return [...new Set([...requires.sysctl?.keys ?? [], ...used])];
}

/**
 * Intersects a manifest with a policy.
 *
 * @param manifest What the plugin asks for.
 * @param policy What the operator allows it.
 * @returns The grants: everything required, and what is used and allowed.
 * @throws {WeirError} WEIR_PLUGIN_REFUSED when something required is not allowed or not there,
 * with what either side has and what to do.
 */
export function decideGrants(manifest: PluginManifest, policy: PluginPolicy): Grants {
  const { requires, uses } = manifest;
  const refused = nftRefusal(requires.nft, policy) ??
    conntrackRefusal(requires.conntrack, policy) ??
    sysctlRefusal(requires.sysctl, policy);
  if (refused !== undefined) throw refusal(manifest.name, refused);
  // What is required comes first, and what is only used is granted as far as it is allowed.
  const [nft] = [requires.nft, uses.nft].filter((request) =>
    request !== undefined && nftRefusal(request, policy) === undefined
  );
  const [conntrack] = [requires.conntrack, uses.conntrack].filter((request) =>
    request !== undefined && conntrackRefusal(request, policy) === undefined
  );
  const keys = grantedKeys(manifest, policy);
  return {
    ...(nft === undefined ? {} : { nft }),
    ...(conntrack === undefined ? {} : { conntrack }),
    ...(keys.length === 0 ? {} : { sysctl: { version: 1, keys } }),
  };
}

/** Makes capabilities out of grants; the lead of the flow passes them in. */
export interface CapabilityFactories {
  /** Rejects with WEIR_TABLE_FOREIGN when the table is there and somebody else's. */
  readonly nft: (
    grant: NonNullable<Grants["nft"]>,
  ) => GrantedCapability | Promise<GrantedCapability>;
  readonly conntrack: (grant: NonNullable<Grants["conntrack"]>) => GrantedCapability;
  readonly sysctl: (grant: NonNullable<Grants["sysctl"]>) => GrantedCapability;
}

/** The capabilities of one running plugin by name; what is not in here was not granted. */
export type BoundCapabilities = ReadonlyMap<string, GrantedCapability>;

/**
 * Binds grants to capabilities, each of which can do no more than its grant says.
 *
 * @param grants What {@linkcode decideGrants} returned.
 * @param factories One for each capability.
 * @returns The capabilities by name; to be closed when the plugin ends.
 * @throws {WeirError} WEIR_TABLE_FOREIGN when a table is somebody else's.
 */
export async function bindGrants(
  grants: Grants,
  factories: CapabilityFactories,
): Promise<BoundCapabilities> {
  const bound = new Map<string, GrantedCapability>();
  if (grants.nft !== undefined) bound.set("nft", await factories.nft(grants.nft));
  if (grants.conntrack !== undefined) bound.set("conntrack", factories.conntrack(grants.conntrack));
  if (grants.sysctl !== undefined) bound.set("sysctl", factories.sysctl(grants.sysctl));
  return bound;
}
