/**
 * What a plugin says of itself, and what it is given: the manifest asks, the operator's policy
 * limits, the grant is what remains.
 *
 * @module
 */
import * as v from "valibot";
import { SYSCTL_KEYS, type SysctlKey } from "./sysctl.ts";

/** A plugin's or table's name: what nf_tables, file names and metric labels all take. */
const Name = v.pipe(
  v.string(),
  v.regex(/^[a-z][a-z0-9-]{0,62}$/, "must be 1–63 of a–z, 0–9 and -, starting with a letter"),
);

/**
 * What a plugin asks of the capabilities. `log` and `metric` are always given and need not be
 * asked for.
 */
export interface CapabilityRequests {
  /** The one table that it may write, in the families ip, ip6 and inet. */
  readonly nft?: {
    /** The capability's version. */
    readonly version: 1;
    /** 1–63 of a–z, 0–9 and -, starting with a letter. */
    readonly table: string;
  } | undefined;
  /** To have tracked flows removed that the service ports' changes have left without a way. */
  readonly conntrack?: {
    /** The capability's version. */
    readonly version: 1;
  } | undefined;
  /** Settings of the kernel that it may read and write. */
  readonly sysctl?: {
    /** The capability's version. */
    readonly version: 1;
    /** At least one, each once. */
    readonly keys: readonly SysctlKey[];
  } | undefined;
}

const SysctlKeys = v.pipe(
  v.array(v.picklist(SYSCTL_KEYS, "weir has no such sysctl to grant")),
  v.minLength(1, "it names no sysctl"),
  v.check((keys) => new Set(keys).size === keys.length, "it names a sysctl twice"),
  v.readonly(),
);

/** The schema of {@linkcode CapabilityRequests}. */
export const CapabilityRequestsSchema = v.strictObject({
  nft: v.optional(v.strictObject({ version: v.literal(1), table: Name })),
  conntrack: v.optional(v.strictObject({ version: v.literal(1) })),
  sysctl: v.optional(v.strictObject({ version: v.literal(1), keys: SysctlKeys })),
}) satisfies v.GenericSchema<unknown, CapabilityRequests>;

/**
 * A plugin's manifest: its kind, name and version, the API it was written for, the capabilities
 * it cannot work without and those it uses if they are there.
 */
export interface PluginManifest {
  /** Which handlers it has. */
  readonly kind: "proxier" | "local-detector" | "conntrack-tuner";
  /** 1–63 of a–z, 0–9 and -, starting with a letter. */
  readonly name: string;
  /** Semantic version of the plugin. */
  readonly version: string;
  /** The plugin API it was written for. */
  readonly api: 1;
  /** It is refused if one of these is not granted. */
  readonly requires: CapabilityRequests;
  /** These are granted if the policy allows them. */
  readonly uses: CapabilityRequests;
}

/** The schema of a {@linkcode PluginManifest}. */
export const PluginManifestSchema = v.strictObject({
  kind: v.picklist(["proxier", "local-detector", "conntrack-tuner"]),
  name: Name,
  version: v.pipe(
    v.string(),
    v.maxLength(64),
    v.regex(/^\d+\.\d+\.\d+/, "must be a semantic version"),
  ),
  api: v.literal(1),
  requires: v.optional(CapabilityRequestsSchema, {}),
  uses: v.optional(CapabilityRequestsSchema, {}),
}) satisfies v.GenericSchema<unknown, PluginManifest>;

/** What the node is, as far as a plugin may care. */
export interface NodeFeatures {
  /** The operating system. */
  readonly os: "linux" | "windows";
  /** The kernel's release, for example `6.18.44`. */
  readonly kernel: string;
}

/** The grants of one plugin: manifest ∩ policy. An absent capability is not granted. */
export interface Grants {
  /** The one nf_tables table the plugin may read and write, in the families ip, ip6 and inet. */
  readonly nft?: { readonly version: 1; readonly table: string };
  /** Tracked flows to addresses of service ports; which of them are stale the host decides. */
  readonly conntrack?: { readonly version: 1 };
  /** Settings of the kernel; of those that are only used, the ones that the policy allows. */
  readonly sysctl?: { readonly version: 1; readonly keys: readonly SysctlKey[] };
}
