/**
 * Reads a Service from protobuf.
 *
 * @module
 */
import type { LoadBalancerIngress, Service, ServicePort } from "../../../schemas/kube.ts";
import { protobufMetadata } from "./protobuf_metadata.ts";
import { FieldFault, ingressOf, type Metadata, NONE, protocolOf, serviceOf } from "./slim.ts";
import { sized, varint, type WireCursor } from "./wire_cursor.ts";

const SERVICE = { metadata: sized(1), spec: sized(2), status: sized(3) };
const SPEC = {
  ports: sized(1),
  clusterIP: sized(3),
  type: sized(4),
  externalIPs: sized(5),
  sessionAffinity: sized(7),
  loadBalancerSourceRanges: sized(9),
  externalTrafficPolicy: sized(11),
  healthCheckNodePort: varint(12),
  publishNotReadyAddresses: varint(13),
  sessionAffinityConfig: sized(14),
  clusterIPs: sized(18),
  internalTrafficPolicy: sized(22),
  trafficDistribution: sized(23),
};
const PORT = { name: sized(1), protocol: sized(2), port: varint(3), nodePort: varint(5) };
const AFFINITY = { clientIP: sized(1) };
const CLIENT_IP = { timeoutSeconds: varint(1) };
const STATUS = { loadBalancer: sized(1) };
const LOAD_BALANCER = { ingress: sized(1) };
const INGRESS = { ip: sized(1), ipMode: sized(3) };

/**
 * Reads a Service.
 *
 * @param cursor Stands at the first field.
 * @param end The byte after the Service.
 * @returns The slim Service.
 * @throws {FieldFault} When a field cannot be used.
 * @throws {Error} When the bytes are broken.
 */
export function protobufService(cursor: WireCursor, end: number): Service {
  let metadata: Metadata | undefined;
  const ports: ServicePort[] = [];
  const clusterIPs: string[] = [];
  const externalIPs: string[] = [];
  const sourceRanges: string[] = [];
  let ingress: readonly LoadBalancerIngress[] = NONE;
  const fields = {
    type: "",
    clusterIP: "",
    sessionAffinity: "",
    affinityTimeoutSeconds: 0,
    internalTrafficPolicy: "",
    externalTrafficPolicy: "",
    healthCheckNodePort: 0,
    publishNotReadyAddresses: false,
    trafficDistribution: "",
  };
  const takeSpec = (tag: number) => {
    switch (tag) {
      case SPEC.ports:
        ports.push(port(cursor));
        break;
      case SPEC.clusterIP:
        fields.clusterIP = cursor.text();
        break;
      case SPEC.type:
        fields.type = cursor.shared();
        break;
      case SPEC.externalIPs:
        externalIPs.push(cursor.text());
        break;
      case SPEC.sessionAffinity:
        fields.sessionAffinity = cursor.shared();
        break;
      case SPEC.loadBalancerSourceRanges:
        sourceRanges.push(cursor.text());
        break;
      case SPEC.externalTrafficPolicy:
        fields.externalTrafficPolicy = cursor.shared();
        break;
      case SPEC.healthCheckNodePort:
        fields.healthCheckNodePort = cursor.integer();
        break;
      case SPEC.publishNotReadyAddresses:
        fields.publishNotReadyAddresses = cursor.flag();
        break;
      case SPEC.sessionAffinityConfig:
        fields.affinityTimeoutSeconds = affinityTimeout(cursor);
        break;
      case SPEC.clusterIPs:
        clusterIPs.push(cursor.text());
        break;
      case SPEC.internalTrafficPolicy:
        fields.internalTrafficPolicy = cursor.shared();
        break;
      case SPEC.trafficDistribution:
        fields.trafficDistribution = cursor.shared();
        break;
      default:
        cursor.skip(tag);
    }
  };
  cursor.fields(end, (tag) => {
    if (tag === SERVICE.metadata) metadata = protobufMetadata(cursor, "Service");
    else if (tag === SERVICE.spec) cursor.fields(cursor.end(), takeSpec);
    else if (tag === SERVICE.status) ingress = status(cursor);
    else cursor.skip(tag);
  });
  if (metadata === undefined) throw new FieldFault(["metadata"], "absent");
  return serviceOf(metadata, {
    ...fields,
    ports: ports.length === 0 ? NONE : ports,
    clusterIPs: clusterIPs.length === 0 ? NONE : clusterIPs,
    externalIPs: externalIPs.length === 0 ? NONE : externalIPs,
    loadBalancerSourceRanges: sourceRanges.length === 0 ? NONE : sourceRanges,
    loadBalancerIngress: ingress,
  });
}

function port(cursor: WireCursor): ServicePort {
  const written = { name: "", protocol: "", port: 0, nodePort: 0 };
  cursor.fields(cursor.end(), (tag) => {
    if (tag === PORT.name) written.name = cursor.shared();
    else if (tag === PORT.protocol) written.protocol = cursor.shared();
    else if (tag === PORT.port) written.port = cursor.integer();
    else if (tag === PORT.nodePort) written.nodePort = cursor.integer();
    else cursor.skip(tag);
  });
  return { ...written, protocol: protocolOf(written.protocol) };
}

function affinityTimeout(cursor: WireCursor): number {
  let seconds = 0;
  const takeClient = (tag: number) => {
    if (tag === CLIENT_IP.timeoutSeconds) seconds = cursor.integer();
    else cursor.skip(tag);
  };
  cursor.fields(cursor.end(), (tag) => {
    if (tag === AFFINITY.clientIP) cursor.fields(cursor.end(), takeClient);
    else cursor.skip(tag);
  });
  return seconds;
}

function status(cursor: WireCursor): readonly LoadBalancerIngress[] {
  const ingress: LoadBalancerIngress[] = [];
  let index = 0;
  const takeBalancer = (tag: number) => {
    if (tag !== LOAD_BALANCER.ingress) return cursor.skip(tag);
    let ip = "";
    let ipMode = "";
    cursor.fields(cursor.end(), (field) => {
      if (field === INGRESS.ip) ip = cursor.text();
      else if (field === INGRESS.ipMode) ipMode = cursor.shared();
      else cursor.skip(field);
    });
    const point = ingressOf(ip, ipMode, ["status", "loadBalancer", "ingress", index++]);
    if (point !== undefined) ingress.push(point);
  };
  cursor.fields(cursor.end(), (tag) => {
    if (tag === STATUS.loadBalancer) cursor.fields(cursor.end(), takeBalancer);
    else cursor.skip(tag);
  });
  return ingress.length === 0 ? NONE : ingress;
}
