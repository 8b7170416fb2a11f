/**
 * A Node as a manifest has it, to the slim Node.
 *
 * @module
 */
import * as v from "valibot";
import type { Node } from "../../../schemas/kube.ts";
import {
  listOf,
  Network,
  OptionalText,
  StringMap,
  SubdomainName,
  Text,
  withPrefix,
} from "./field.ts";

/** The fields read of a core/v1 Node; others are ignored. */
export const NodeManifestSchema = v.object({
  metadata: v.object({
    name: SubdomainName,
    labels: StringMap,
    deletionTimestamp: OptionalText,
  }, "a mapping"),
  spec: v.nullish(v.object({
    podCIDR: v.nullish(Network),
    podCIDRs: listOf(Network),
    taints: listOf(v.object({ key: Text, value: OptionalText, effect: Text }, "a mapping")),
  }, "a mapping")),
  status: v.nullish(v.object({
    addresses: listOf(v.object({ type: Text, address: Text }, "a mapping")),
  }, "a mapping")),
});

type NodeManifest = v.InferOutput<typeof NodeManifestSchema>;

/**
 * Makes the slim Node.
 *
 * @param manifest A faultless Node.
 * @returns It without a resourceVersion.
 */
export function slimNode(manifest: NodeManifest): Omit<Node, "resourceVersion"> {
  const { metadata, spec, status } = manifest;
  const listed = spec?.podCIDRs ?? [];
  const single = spec?.podCIDR;
  return {
    kind: "Node",
    name: metadata.name,
    labels: withPrefix(metadata.labels, "topology.kubernetes.io/"),
    podCIDRs: listed.length > 0 || single === undefined || single === null ? listed : [single],
    addresses: ["InternalIP", "ExternalIP"].flatMap((wanted) =>
      (status?.addresses ?? []).filter(({ type }) => type === wanted)
        .map(({ address }) => address)
    ),
    taints: spec?.taints ?? [],
    deleting: metadata.deletionTimestamp !== "",
  };
}
