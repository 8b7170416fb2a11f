/**
 * A Service as a manifest has it, to the slim Service.
 *
 * @module
 */
import * as v from "valibot";
import { ipFamily } from "../../../schemas/ip.ts";
import type { Service } from "../../../schemas/kube.ts";
import {
  Address,
  AffinityTimeout,
  ClusterAddress,
  type Fault,
  Flag,
  LabelName,
  listOf,
  oneOf,
  OptionalPort,
  OptionalText,
  Port,
  PortName,
  StringMap,
  Text,
  withPrefix,
} from "./field.ts";

/** The fields read of a core/v1 Service, with the API server's defaults; others are ignored. */
export const ServiceManifestSchema = v.object({
  metadata: v.object({
    name: LabelName,
    namespace: v.nullish(LabelName, "default"),
    labels: StringMap,
    annotations: StringMap,
  }, "a mapping"),
  spec: v.object({
    type: v.nullish(oneOf(["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]), "ClusterIP"),
    clusterIP: v.nullish(v.union([v.literal(""), ClusterAddress], 'an IP address or "None"'), ""),
    clusterIPs: listOf(ClusterAddress),
    externalIPs: listOf(Address),
    ports: listOf(v.object({
      name: PortName,
      protocol: v.nullish(oneOf(["TCP", "UDP", "SCTP"]), "TCP"),
      port: Port,
      nodePort: OptionalPort,
    }, "a mapping")),
    sessionAffinity: v.nullish(oneOf(["None", "ClientIP"]), "None"),
    sessionAffinityConfig: v.nullish(v.object({
      clientIP: v.nullish(
        v.object({ timeoutSeconds: v.nullish(AffinityTimeout) }, "a mapping"),
      ),
    }, "a mapping")),
    internalTrafficPolicy: v.nullish(oneOf(["Cluster", "Local"]), "Cluster"),
    externalTrafficPolicy: v.nullish(oneOf(["Cluster", "Local"]), "Cluster"),
    healthCheckNodePort: OptionalPort,
    publishNotReadyAddresses: v.nullish(Flag, false),
    loadBalancerSourceRanges: listOf(Text),
    trafficDistribution: OptionalText,
  }, "a mapping"),
  status: v.nullish(v.object({
    loadBalancer: v.nullish(v.object({
      ingress: listOf(v.object({
        ip: v.nullish(Address),
        ipMode: v.nullish(oneOf(["VIP", "Proxy"]), "VIP"),
      }, "a mapping")),
    }, "a mapping")),
  }, "a mapping")),
});

type ServiceManifest = v.InferOutput<typeof ServiceManifestSchema>;

/** core/v1: three hours. */
const DEFAULT_AFFINITY_SECONDS = 10_800;

function addressFaults({ spec }: ServiceManifest): Fault[] {
  const [first] = spec.clusterIPs;
  if (spec.type === "ExternalName") return [];
  if (spec.clusterIP === "" && first === undefined) {
    return [{
      path: ["spec", "clusterIP"],
      state: 'is missing, expected an IP address or "None": no API server allocates one here',
    }];
  }
  if (spec.clusterIP !== "" && first !== undefined && first !== spec.clusterIP) {
    return [{
      path: ["spec", "clusterIPs", 0],
      state: `is "${first}", expected spec.clusterIP, which is "${spec.clusterIP}"`,
    }];
  }
  const families = spec.clusterIPs.map(ipFamily);
  return families.flatMap((family, index): Fault[] => {
    if (family !== undefined && families.indexOf(family) === index) return [];
    if (index === 0) return [];
    const state = `is "${spec.clusterIPs[index]}", expected an address of the other family`;
    return [{ path: ["spec", "clusterIPs", index], state }];
  });
}

/** What the API server checks of the list of ports as a whole. */
function portFaults({ spec }: ServiceManifest): Fault[] {
  const headless = spec.clusterIP === "None" || spec.clusterIPs[0] === "None";
  if (spec.ports.length === 0) {
    if (headless || spec.type === "ExternalName") return [];
    return [{ path: ["spec", "ports"], state: "is empty, expected at least one port" }];
  }
  return spec.ports.flatMap((port, index): Fault[] => {
    const path = (field: string) => ["spec", "ports", index, field];
    if (spec.ports.length > 1 && port.name === "") {
      return [{ path: path("name"), state: "is missing, expected a name for each of many ports" }];
    }
    const before = spec.ports.slice(0, index);
    if (before.some((other) => other.name === port.name)) {
      return [{ path: path("name"), state: `is "${port.name}", which another port has already` }];
    }
    if (before.some((other) => other.port === port.port && other.protocol === port.protocol)) {
      const state = `is ${port.port}, which another ${port.protocol} port has already`;
      return [{ path: path("port"), state }];
    }
    return [];
  });
}

/**
 * Checks what no single field of a Service shows.
 *
 * @param manifest A Service whose fields are acceptable each by itself.
 * @returns What is wrong; empty when nothing is.
 */
export function serviceFaults(manifest: ServiceManifest): Fault[] {
  return [...addressFaults(manifest), ...portFaults(manifest)];
}

/**
 * Makes the slim Service.
 *
 * @param manifest A faultless Service.
 * @returns It without a resourceVersion.
 */
export function slimService(manifest: ServiceManifest): Omit<Service, "resourceVersion"> {
  const { metadata, spec, status } = manifest;
  const clusterIP = spec.clusterIP === "" ? spec.clusterIPs[0] ?? "" : spec.clusterIP;
  const clusterIPs = spec.clusterIPs.length > 0 || clusterIP === "" ? spec.clusterIPs : [clusterIP];
  const timeout = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS;
  return {
    kind: "Service",
    namespace: metadata.namespace,
    name: metadata.name,
    labels: withPrefix(metadata.labels, "service.kubernetes.io/"),
    annotations: withPrefix(metadata.annotations, "service.kubernetes.io/"),
    type: spec.type,
    clusterIP,
    clusterIPs,
    externalIPs: spec.externalIPs,
    ports: spec.ports,
    sessionAffinity: spec.sessionAffinity,
    affinityTimeoutSeconds: spec.sessionAffinity === "None" ? 0 : timeout,
    internalTrafficPolicy: spec.internalTrafficPolicy,
    externalTrafficPolicy: spec.externalTrafficPolicy,
    healthCheckNodePort: spec.healthCheckNodePort,
    publishNotReadyAddresses: spec.publishNotReadyAddresses,
    loadBalancerSourceRanges: spec.loadBalancerSourceRanges,
    loadBalancerIngress: (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) =>
      ip === undefined || ip === null ? [] : [{ ip, ipMode }]
    ),
    trafficDistribution: spec.trafficDistribution,
  };
}
