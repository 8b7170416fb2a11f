/**
 * Writes Kubernetes objects as the API server does in protobuf. One table says the fields; what the
 * table does not name is left out.
 *
 * @module
 */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

/** How a field is written: a scalar, a map of strings, or a message of this table. */
type FieldType =
  | "string"
  | "int32"
  | "int64"
  | "bool"
  | "map"
  | "time"
  | "intOrString"
  | "json"
  | MessageName;

/** Number and type of each field. Source: `generated.proto` of k8s.io/api and apimachinery. */
type Message = Readonly<Record<string, readonly [number, FieldType]>>;

type MessageName = keyof typeof MESSAGES;

const MESSAGES = {
  ObjectMeta: {
    name: [1, "string"],
    namespace: [3, "string"],
    uid: [5, "string"],
    resourceVersion: [6, "string"],
    generation: [7, "int64"],
    creationTimestamp: [8, "time"],
    deletionTimestamp: [9, "time"],
    labels: [11, "map"],
    annotations: [12, "map"],
    managedFields: [17, "ManagedFields"],
  },
  ManagedFields: {
    manager: [1, "string"],
    operation: [2, "string"],
    apiVersion: [3, "string"],
    time: [4, "time"],
    fieldsType: [6, "string"],
    fieldsV1: [7, "json"],
    subresource: [8, "string"],
  },
  Service: {
    metadata: [1, "ObjectMeta"],
    spec: [2, "ServiceSpec"],
    status: [3, "ServiceStatus"],
  },
  ServiceSpec: {
    ports: [1, "ServicePort"],
    selector: [2, "map"],
    clusterIP: [3, "string"],
    type: [4, "string"],
    externalIPs: [5, "string"],
    sessionAffinity: [7, "string"],
    loadBalancerIP: [8, "string"],
    loadBalancerSourceRanges: [9, "string"],
    externalName: [10, "string"],
    externalTrafficPolicy: [11, "string"],
    healthCheckNodePort: [12, "int32"],
    publishNotReadyAddresses: [13, "bool"],
    sessionAffinityConfig: [14, "SessionAffinityConfig"],
    ipFamilyPolicy: [17, "string"],
    clusterIPs: [18, "string"],
    ipFamilies: [19, "string"],
    allocateLoadBalancerNodePorts: [20, "bool"],
    internalTrafficPolicy: [22, "string"],
    trafficDistribution: [23, "string"],
  },
  ServicePort: {
    name: [1, "string"],
    protocol: [2, "string"],
    port: [3, "int32"],
    targetPort: [4, "intOrString"],
    nodePort: [5, "int32"],
    appProtocol: [6, "string"],
  },
  SessionAffinityConfig: { clientIP: [1, "ClientIPConfig"] },
  ClientIPConfig: { timeoutSeconds: [1, "int32"] },
  ServiceStatus: { loadBalancer: [1, "LoadBalancerStatus"] },
  LoadBalancerStatus: { ingress: [1, "LoadBalancerIngress"] },
  LoadBalancerIngress: { ip: [1, "string"], hostname: [2, "string"], ipMode: [3, "string"] },
  EndpointSlice: {
    metadata: [1, "ObjectMeta"],
    endpoints: [2, "Endpoint"],
    ports: [3, "EndpointPort"],
    addressType: [4, "string"],
  },
  Endpoint: {
    addresses: [1, "string"],
    conditions: [2, "EndpointConditions"],
    hostname: [3, "string"],
    targetRef: [4, "ObjectReference"],
    deprecatedTopology: [5, "map"],
    nodeName: [6, "string"],
    zone: [7, "string"],
    hints: [8, "EndpointHints"],
  },
  ObjectReference: {
    kind: [1, "string"],
    namespace: [2, "string"],
    name: [3, "string"],
    uid: [4, "string"],
  },
  EndpointConditions: { ready: [1, "bool"], serving: [2, "bool"], terminating: [3, "bool"] },
  EndpointHints: { forZones: [1, "ForName"], forNodes: [2, "ForName"] },
  ForName: { name: [1, "string"] },
  EndpointPort: {
    name: [1, "string"],
    protocol: [2, "string"],
    port: [3, "int32"],
    appProtocol: [4, "string"],
  },
  Node: { metadata: [1, "ObjectMeta"], spec: [2, "NodeSpec"], status: [3, "NodeStatus"] },
  NodeSpec: {
    podCIDR: [1, "string"],
    providerID: [3, "string"],
    unschedulable: [4, "bool"],
    taints: [5, "Taint"],
    podCIDRs: [7, "string"],
  },
  Taint: {
    key: [1, "string"],
    value: [2, "string"],
    effect: [3, "string"],
    timeAdded: [4, "time"],
  },
  NodeStatus: { addresses: [5, "NodeAddress"] },
  NodeAddress: { type: [1, "string"], address: [2, "string"] },
  ServiceCIDR: {
    metadata: [1, "ObjectMeta"],
    spec: [2, "ServiceCIDRSpec"],
    status: [3, "ServiceCIDRStatus"],
  },
  ServiceCIDRSpec: { cidrs: [1, "string"] },
  ServiceCIDRStatus: { conditions: [1, "Condition"] },
  Condition: {
    type: [1, "string"],
    status: [2, "string"],
    observedGeneration: [3, "int64"],
    lastTransitionTime: [4, "time"],
    reason: [5, "string"],
    message: [6, "string"],
  },
  ListMeta: {
    resourceVersion: [2, "string"],
    continue: [3, "string"],
    remainingItemCount: [4, "int64"],
  },
  Status: {
    metadata: [1, "ListMeta"],
    status: [2, "string"],
    message: [3, "string"],
    reason: [4, "string"],
    details: [5, "StatusDetails"],
    code: [6, "int32"],
  },
  StatusDetails: {
    name: [1, "string"],
    group: [2, "string"],
    kind: [3, "string"],
    causes: [4, "StatusCause"],
    retryAfterSeconds: [5, "int32"],
  },
  StatusCause: { reason: [1, "string"], message: [2, "string"], field: [3, "string"] },
} as const satisfies Record<string, Readonly<Record<string, readonly [number, string]>>>;

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function writeFields(writer: BinaryWriter, name: MessageName, object: unknown): void {
  if (!isRecord(object)) throw new TypeError(`${name} is no object: ${JSON.stringify(object)}`);
  const message: Message = MESSAGES[name];
  for (const [key, [number, type]] of Object.entries(message)) {
    const value = object[key];
    if (value === undefined || value === null) continue;
    for (const element of Array.isArray(value) ? value : [value]) {
      writeField(writer, number, type, element);
    }
  }
}

function writeField(writer: BinaryWriter, number: number, type: FieldType, value: unknown): void {
  const sized = (write: () => void) => {
    writer.tag(number, WireType.LengthDelimited).fork();
    write();
    writer.join();
  };
  switch (type) {
    case "string":
      writer.tag(number, WireType.LengthDelimited).string(String(value));
      return;
    case "int32":
      writer.tag(number, WireType.Varint).int32(Number(value));
      return;
    case "int64":
      writer.tag(number, WireType.Varint).int64(Number(value));
      return;
    case "bool":
      writer.tag(number, WireType.Varint).bool(value === true);
      return;
    case "time":
      sized(() => {
        writer.tag(1, WireType.Varint).int64(Math.floor(Date.parse(String(value)) / 1000));
      });
      return;
    case "intOrString":
      sized(() => {
        writer.tag(1, WireType.Varint).int32(typeof value === "number" ? 0 : 1);
        if (typeof value === "number") writer.tag(2, WireType.Varint).int32(value);
        else writer.tag(3, WireType.LengthDelimited).string(String(value));
      });
      return;
    case "json":
      sized(() => writer.tag(1, WireType.LengthDelimited).string(JSON.stringify(value)));
      return;
    case "map":
      for (const [key, entry] of Object.entries(isRecord(value) ? value : {})) {
        sized(() => {
          writer.tag(1, WireType.LengthDelimited).string(key);
          writer.tag(2, WireType.LengthDelimited).string(String(entry));
        });
      }
      return;
    default:
      sized(() => writeFields(writer, type, value));
  }
}

/**
 * Writes a message in protobuf.
 *
 * @param name Which message, for example `Service`.
 * @param object Its JSON form.
 * @returns The bytes, without an envelope.
 */
export function protobufMessage(
  name: MessageName,
  object: Readonly<Record<string, unknown>>,
): Uint8Array {
  const writer = new BinaryWriter();
  writeFields(writer, name, object);
  return writer.finish();
}

/**
 * Puts a message into the envelope that every protobuf body of the API server has.
 * Source: apimachinery `runtime.Unknown`.
 *
 * @param apiVersion For example `discovery.k8s.io/v1`.
 * @param kind For example `EndpointSlice`.
 * @param message The message's bytes, in pieces.
 * @returns The whole body.
 */
export function protobufEnvelope(
  apiVersion: string,
  kind: string,
  message: readonly Uint8Array[],
): Uint8Array {
  const length = message.reduce((sum, piece) => sum + piece.length, 0);
  const head = new BinaryWriter();
  head.tag(1, WireType.LengthDelimited).fork();
  head.tag(1, WireType.LengthDelimited).string(apiVersion);
  head.tag(2, WireType.LengthDelimited).string(kind);
  head.join();
  head.tag(2, WireType.LengthDelimited).uint32(length);
  const start = head.finish();
  const body = new Uint8Array(4 + start.length + length);
  body.set([0x6b, 0x38, 0x73, 0x00]);
  body.set(start, 4);
  let offset = 4 + start.length;
  for (const piece of message) {
    body.set(piece, offset);
    offset += piece.length;
  }
  return body;
}

/**
 * A field of a message that is already written.
 *
 * @param number The field's number.
 * @param message The field's bytes.
 * @returns Tag and length, to stand before the bytes.
 */
export function fieldHead(number: number, message: Uint8Array): Uint8Array {
  return new BinaryWriter().tag(number, WireType.LengthDelimited).uint32(message.length).finish();
}
