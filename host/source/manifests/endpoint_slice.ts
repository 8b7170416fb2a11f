/**
 * An EndpointSlice as a manifest has it, to the slim EndpointSlice.
 *
 * @module
 */
import * as v from "valibot";
import { ipFamily } from "../../../schemas/ip.ts";
import type { EndpointSlice } from "../../../schemas/kube.ts";
import {
  type Fault,
  Flag,
  LabelName,
  listOf,
  oneOf,
  OptionalPort,
  OptionalText,
  PortName,
  StringMap,
  SubdomainName,
  Text,
} from "./field.ts";

const Hints = listOf(v.object({ name: Text }, "a mapping"));

/** The fields read of a discovery.k8s.io/v1 EndpointSlice; others are ignored. */
export const EndpointSliceManifestSchema = v.object({
  metadata: v.object({
    name: SubdomainName,
    namespace: v.nullish(LabelName, "default"),
    labels: StringMap,
    annotations: StringMap,
  }, "a mapping"),
  addressType: oneOf(["IPv4", "IPv6", "FQDN"]),
  endpoints: listOf(v.object({
    addresses: v.pipe(
      v.array(Text, "a list of 1 to 100 addresses"),
      v.minLength(1, "a list of 1 to 100 addresses"),
      v.maxLength(100, "a list of 1 to 100 addresses"),
    ),
    conditions: v.nullish(v.object({
      ready: v.nullish(Flag, true),
      serving: v.nullish(Flag, true),
      terminating: v.nullish(Flag, false),
    }, "a mapping")),
    nodeName: OptionalText,
    zone: OptionalText,
    hints: v.nullish(v.object({ forZones: Hints, forNodes: Hints }, "a mapping")),
  }, "a mapping")),
  ports: listOf(v.object({
    name: PortName,
    protocol: v.nullish(oneOf(["TCP", "UDP", "SCTP"]), "TCP"),
    port: OptionalPort,
  }, "a mapping")),
});

type EndpointSliceManifest = v.InferOutput<typeof EndpointSliceManifestSchema>;

/**
 * Checks what no single field of an EndpointSlice shows.
 *
 * @param manifest A slice whose fields are acceptable each by itself.
 * @returns What is wrong; empty when nothing is.
 */
export function endpointSliceFaults(manifest: EndpointSliceManifest): Fault[] {
  const { addressType } = manifest;
  if (addressType === "FQDN") return [];
  return manifest.endpoints.flatMap((endpoint, index) =>
    endpoint.addresses.flatMap((address, at): Fault[] => {
      if (ipFamily(address) === addressType) return [];
      const path = ["endpoints", index, "addresses", at];
      return [{ path, state: `is "${address}", expected an ${addressType} address` }];
    })
  );
}

/**
 * Makes the slim EndpointSlice.
 *
 * @param manifest A faultless slice.
 * @returns It without a resourceVersion.
 */
export function slimEndpointSlice(
  manifest: EndpointSliceManifest,
): Omit<EndpointSlice, "resourceVersion"> {
  const { metadata } = manifest;
  return {
    kind: "EndpointSlice",
    namespace: metadata.namespace,
    name: metadata.name,
    serviceName: metadata.labels["kubernetes.io/service-name"] ?? "",
    addressType: manifest.addressType,
    lastChangeTriggerTime:
      metadata.annotations["endpoints.kubernetes.io/last-change-trigger-time"] ?? "",
    endpoints: manifest.endpoints.map((endpoint) => ({
      addresses: endpoint.addresses,
      ready: endpoint.conditions?.ready ?? true,
      serving: endpoint.conditions?.serving ?? true,
      terminating: endpoint.conditions?.terminating ?? false,
      nodeName: endpoint.nodeName,
      zone: endpoint.zone,
      hintZones: (endpoint.hints?.forZones ?? []).map((hint) => hint.name),
      hintNodes: (endpoint.hints?.forNodes ?? []).map((hint) => hint.name),
    })),
    ports: manifest.ports,
  };
}
