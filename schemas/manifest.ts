/**
 * What a plugin says of itself, and what it is given: the manifest asks, the operator's policy
 * limits, the grant is what remains.
 *
 * @module
 */
import * as v from "valibot";

/** A plugin's or table's name: what nf_tables, file names and metric labels all take. */
const Name = v.pipe(
  v.string(),
  v.regex(/^[a-z][a-z0-9-]{0,62}$/, "must be 1–63 of a–z, 0–9 and -, starting with a letter"),
);

/**
 * What a plugin asks of the capabilities. `nft` names the one table (in the families ip, ip6 and
 * inet) that it may write. `log` and `metric` are always given and need not be asked for.
 */
export const CapabilityRequestsSchema = v.strictObject({
  nft: v.optional(v.strictObject({ version: v.literal(1), table: Name })),
});

/** See {@linkcode CapabilityRequestsSchema}. */
export type CapabilityRequests = v.InferOutput<typeof CapabilityRequestsSchema>;

/** The schema of a {@linkcode PluginManifest}. */
export const PluginManifestSchema = v.strictObject({
  kind: v.picklist(["proxier", "local-detector", "conntrack-tuner"]),
  name: Name,
  version: v.pipe(v.string(), v.regex(/^\d+\.\d+\.\d+/, "must be a semantic version")),
  api: v.literal(1),
  requires: v.optional(CapabilityRequestsSchema, {}),
  uses: v.optional(CapabilityRequestsSchema, {}),
});

/**
 * A plugin's manifest: its kind, name and version, the API it was written for, the capabilities
 * it cannot work without (`requires`) and those it uses if they are there (`uses`).
 */
export type PluginManifest = v.InferOutput<typeof PluginManifestSchema>;

/** The grants of one plugin: manifest ∩ policy. An absent capability is not granted. */
export interface Grants {
  readonly nft?: { readonly version: 1; readonly table: string };
}
