/**
 * Defaults and checks, the same for every encoding: from the fields as they stand in an object to
 * the slim object.
 *
 * @module
 */
import { WeirError } from "../../../schemas/errors.ts";
import { formatCidr, parseCidr } from "../../../schemas/ip.ts";
import type {
  EndpointSlice,
  KubeKind,
  KubeObject,
  LoadBalancerIngress,
  Node,
  Service,
  ServiceCIDR,
  ServicePort,
  SliceEndpoint,
  SlicePort,
  Taint,
} from "../../../schemas/kube.ts";

/** Where a field stands in its object, for example `["spec", "ports", 0, "protocol"]`. */
export type FieldPath = readonly (string | number)[];

/** The metadata that is read. Absent strings are "". */
export interface Metadata {
  namespace: string;
  name: string;
  resourceVersion: string;
  labels: Readonly<Record<string, string>>;
  annotations: Readonly<Record<string, string>>;
  deleting: boolean;
}

/** A Service's fields as written; "" or 0 where absent. */
export interface ServiceFields {
  type: string;
  clusterIP: string;
  clusterIPs: readonly string[];
  externalIPs: readonly string[];
  ports: readonly ServicePort[];
  sessionAffinity: string;
  affinityTimeoutSeconds: number;
  internalTrafficPolicy: string;
  externalTrafficPolicy: string;
  healthCheckNodePort: number;
  publishNotReadyAddresses: boolean;
  loadBalancerSourceRanges: readonly string[];
  loadBalancerIngress: readonly LoadBalancerIngress[];
  trafficDistribution: string;
}

/** Conditions of an endpoint as written: each may be absent. */
export interface Conditions {
  ready: boolean | undefined;
  serving: boolean | undefined;
  terminating: boolean | undefined;
}

/** What stands for every absent or empty list, so that it takes memory once. */
export const NONE: readonly never[] = Object.freeze([]);

/** What stands for every empty map. */
export const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});

/** The label of a slice that names its Service. Source: discovery/v1 `LabelServiceName`. */
const SERVICE_NAME = "kubernetes.io/service-name";
/** Source: core/v1 `EndpointsLastChangeTriggerTime`. */
const TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time";
/** Source: core/v1 `DefaultClientIPServiceAffinitySeconds`. */
const DEFAULT_AFFINITY_SECONDS = 10_800;
/** A day. Source: `MaxClientIPServiceAffinitySeconds` of the API's validation. */
const MOST_AFFINITY_SECONDS = 86_400;

const READ_LABELS: Readonly<Record<KubeKind, (key: string) => boolean>> = {
  Service: (key) => key.startsWith("service.kubernetes.io/"),
  EndpointSlice: (key) => key === SERVICE_NAME,
  Node: (key) => key.startsWith("topology.kubernetes.io/"),
  ServiceCIDR: () => false,
};

const READ_ANNOTATIONS: Readonly<Record<KubeKind, (key: string) => boolean>> = {
  Service: (key) =>
    key === "service.kubernetes.io/topology-mode" ||
    key === "service.kubernetes.io/topology-aware-hints",
  EndpointSlice: (key) => key === TRIGGER_TIME,
  Node: () => false,
  ServiceCIDR: () => false,
};

/**
 * Tells whether a label is read at all.
 *
 * @param kind The object's kind.
 * @param key The label's key.
 * @returns False for a label that is to be skipped.
 */
export function readsLabel(kind: KubeKind, key: string): boolean {
  return READ_LABELS[kind](key);
}

/**
 * Tells whether an annotation is read at all.
 *
 * @param kind The object's kind.
 * @param key The annotation's key.
 * @returns False for an annotation that is to be skipped.
 */
export function readsAnnotation(kind: KubeKind, key: string): boolean {
  return READ_ANNOTATIONS[kind](key);
}

/** The value of a field cannot be used. The decoder adds the object's name. */
export class FieldFault extends Error {
  /** The field. */
  readonly path: FieldPath;

  /**
   * @param path The field.
   * @param state What it is, in words, for example `"HTTP", not TCP, UDP or SCTP`.
   */
  constructor(path: FieldPath, state: string) {
    super(state);
    this.path = path;
  }
}

/**
 * Writes a path as people do.
 *
 * @param path For example `["spec", "ports", 0]`.
 * @returns For example `spec.ports[0]`.
 */
export function pathText(path: FieldPath): string {
  return path.reduce<string>(
    (text, step) =>
      typeof step === "number" ? `${text}[${step}]` : text === "" ? step : `${text}.${step}`,
    "",
  );
}

/**
 * The error of an object that cannot be used.
 *
 * @param kind The object's kind.
 * @param metadata Its name, as far as it could be read.
 * @param thrown A {@linkcode FieldFault}, or whatever else decoding threw.
 * @returns WEIR_DECODE with the field's path.
 */
export function objectError(
  kind: KubeKind,
  metadata: { readonly namespace: string; readonly name: string },
  thrown: unknown,
): WeirError {
  const name = metadata.namespace === "" ? metadata.name : `${metadata.namespace}/${metadata.name}`;
  const path = thrown instanceof FieldFault ? thrown.path : [];
  const state = thrown instanceof Error ? thrown.message : String(thrown);
  const where = path.length === 0 ? "" : `${pathText(path)} is `;
  return new WeirError("WEIR_DECODE", `Cannot use ${kind} "${name}": ${where}${state}`, {
    cause: thrown,
    path,
  });
}

function oneOf<T extends string>(
  value: string,
  absent: T,
  known: readonly T[],
  path: FieldPath,
): T {
  if (value === "") return absent;
  const found = known.find((candidate) => candidate === value);
  if (found === undefined) {
    throw new FieldFault(path, `"${value}", not one of ${known.join(", ")}`);
  }
  return found;
}

/**
 * The protocol of a port. Whether it is one is the resolver's to say: it then tells of that port
 * and programs the others, while a Service that is malformed here has none.
 *
 * @param value As written.
 * @returns The same, or TCP for "".
 */
export function protocolOf(value: string): string {
  return value === "" ? "TCP" : value;
}

function affinityTimeoutOf(seconds: number): number {
  if (seconds === 0) return DEFAULT_AFFINITY_SECONDS;
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > MOST_AFFINITY_SECONDS) {
    throw new FieldFault(
      ["spec", "sessionAffinityConfig", "clientIP", "timeoutSeconds"],
      `${seconds}, not within 1–${MOST_AFFINITY_SECONDS}`,
    );
  }
  return seconds;
}

/**
 * Makes a slim Service.
 *
 * @param metadata Its metadata.
 * @param fields Its fields as written.
 * @returns The Service, with the API's defaults in place of absent fields.
 * @throws {FieldFault} When a field cannot be used.
 */
export function serviceOf(metadata: Metadata, fields: ServiceFields): Service {
  const policies = ["Cluster", "Local"] as const;
  const affinity = oneOf(fields.sessionAffinity, "None", ["None", "ClientIP"], [
    "spec",
    "sessionAffinity",
  ]);
  return {
    kind: "Service",
    namespace: metadata.namespace,
    name: metadata.name,
    resourceVersion: metadata.resourceVersion,
    labels: metadata.labels,
    annotations: metadata.annotations,
    type: oneOf(fields.type, "ClusterIP", [
      "ClusterIP",
      "NodePort",
      "LoadBalancer",
      "ExternalName",
    ], ["spec", "type"]),
    clusterIP: fields.clusterIP,
    clusterIPs: fields.clusterIPs,
    externalIPs: fields.externalIPs,
    ports: fields.ports,
    sessionAffinity: affinity,
    affinityTimeoutSeconds: affinity === "None"
      ? 0
      : affinityTimeoutOf(fields.affinityTimeoutSeconds),
    internalTrafficPolicy: oneOf(fields.internalTrafficPolicy, "Cluster", policies, [
      "spec",
      "internalTrafficPolicy",
    ]),
    externalTrafficPolicy: oneOf(fields.externalTrafficPolicy, "Cluster", policies, [
      "spec",
      "externalTrafficPolicy",
    ]),
    healthCheckNodePort: fields.healthCheckNodePort,
    publishNotReadyAddresses: fields.publishNotReadyAddresses,
    loadBalancerSourceRanges: fields.loadBalancerSourceRanges,
    loadBalancerIngress: fields.loadBalancerIngress,
    trafficDistribution: fields.trafficDistribution,
  };
}

/**
 * Makes an ingress point of a load balancer.
 *
 * @param ip As written; "" for one that has only a host name, which a node cannot handle.
 * @param ipMode As written; "" means VIP (KEP-1860).
 * @param path Where it stands.
 * @returns The ingress point, or undefined without an address.
 * @throws {FieldFault} When the mode is unknown.
 */
export function ingressOf(
  ip: string,
  ipMode: string,
  path: FieldPath,
): LoadBalancerIngress | undefined {
  const mode = oneOf(ipMode, "VIP", ["VIP", "Proxy"], [...path, "ipMode"]);
  return ip === "" ? undefined : { ip, ipMode: mode };
}

/**
 * Makes an endpoint. An absent `ready` means true, and so does an absent `serving`, whatever
 * `ready` says; an absent `terminating` means false. Sources: discovery/v1 `EndpointConditions`
 * (which up to 1.33 spoke of `ready` in place of an absent `serving`), and what kube-proxy has
 * always done (pkg/proxy/endpointslicecache.go).
 *
 * @param addresses At least one by the API's rules.
 * @param conditions As written.
 * @param nodeName "" when absent.
 * @param zone "" when absent.
 * @param hintZones The zones of `hints.forZones`.
 * @param hintNodes The nodes of `hints.forNodes`.
 * @returns The endpoint.
 */
export function endpointOf(
  addresses: readonly string[],
  conditions: Readonly<Conditions>,
  nodeName: string,
  zone: string,
  hintZones: readonly string[],
  hintNodes: readonly string[],
): SliceEndpoint {
  return {
    addresses,
    ready: conditions.ready ?? true,
    serving: conditions.serving ?? true,
    terminating: conditions.terminating ?? false,
    nodeName,
    zone,
    hintZones,
    hintNodes,
  };
}

/**
 * Makes a slim EndpointSlice.
 *
 * @param metadata Its metadata.
 * @param addressType As written.
 * @param endpoints Its endpoints.
 * @param ports Its ports.
 * @returns The slice.
 * @throws {FieldFault} When the address type is unknown.
 */
export function sliceOf(
  metadata: Metadata,
  addressType: string,
  endpoints: readonly SliceEndpoint[],
  ports: readonly SlicePort[],
): EndpointSlice {
  if (addressType === "") throw new FieldFault(["addressType"], "absent");
  return {
    kind: "EndpointSlice",
    namespace: metadata.namespace,
    name: metadata.name,
    resourceVersion: metadata.resourceVersion,
    serviceName: metadata.labels[SERVICE_NAME] ?? "",
    addressType: oneOf(addressType, "IPv4", ["IPv4", "IPv6", "FQDN"], ["addressType"]),
    lastChangeTriggerTime: metadata.annotations[TRIGGER_TIME] ?? "",
    endpoints,
    ports,
  };
}

/**
 * Makes a slim Node.
 *
 * @param metadata Its metadata.
 * @param podCIDR The field from before dual stack, used when there are no `podCIDRs`.
 * @param podCIDRs As written.
 * @param taints As written.
 * @param addresses Type and address, in the order of the status.
 * @returns The Node.
 */
export function nodeOf(
  metadata: Metadata,
  podCIDR: string,
  podCIDRs: readonly string[],
  taints: readonly Taint[],
  addresses: readonly { readonly type: string; readonly address: string }[],
): Node {
  return {
    kind: "Node",
    name: metadata.name,
    resourceVersion: metadata.resourceVersion,
    labels: metadata.labels,
    podCIDRs: podCIDRs.length === 0 && podCIDR !== "" ? [podCIDR] : podCIDRs,
    addresses: ["InternalIP", "ExternalIP"].flatMap((wanted) =>
      addresses.filter(({ type }) => type === wanted).map(({ address }) => address)
    ),
    taints,
    deleting: metadata.deleting,
  };
}

/**
 * Makes a slim ServiceCIDR.
 *
 * @param metadata Its metadata.
 * @param cidrs As written.
 * @returns The ServiceCIDR.
 * @throws {FieldFault} When one of them is no CIDR: the last good version has both families.
 */
export function serviceCidrOf(metadata: Metadata, cidrs: readonly string[]): ServiceCIDR {
  return {
    kind: "ServiceCIDR",
    name: metadata.name,
    resourceVersion: metadata.resourceVersion,
    cidrs: cidrs.map((text, index) => {
      const cidr = parseCidr(text);
      if (cidr === undefined) throw new FieldFault(["spec", "cidrs", index], `"${text}", no CIDR`);
      return formatCidr(cidr);
    }),
  };
}

const PORT_LISTS = 1024;

/**
 * Shares equal lists of ports: slices of thousands of Services have the same ones.
 *
 * @returns A function from a list to an equal list, the same for equal lists seen lately.
 */
export function portSharing(): (ports: readonly SlicePort[]) => readonly SlicePort[] {
  const lists = new Map<string, readonly SlicePort[]>();
  return (ports) => {
    if (ports.length === 0) return NONE;
    let key = "";
    for (const { name, protocol, port } of ports) key += `${name}/${protocol}/${port},`;
    const known = lists.get(key);
    if (known !== undefined) return known;
    if (lists.size >= PORT_LISTS) lists.clear();
    lists.set(key, ports);
    return ports;
  };
}

/**
 * The namespace of an object.
 *
 * @param object Any slim object.
 * @returns Its namespace, "" for a Node and a ServiceCIDR.
 */
export function namespaceOf(object: KubeObject): string {
  return "namespace" in object ? object.namespace : "";
}
