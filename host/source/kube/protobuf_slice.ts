/**
 * Reads an EndpointSlice from protobuf.
 *
 * @module
 */
import type { EndpointSlice, SliceEndpoint, SlicePort } from "../../../schemas/kube.ts";
import { protobufMetadata } from "./protobuf_metadata.ts";
import {
  type Conditions,
  endpointOf,
  FieldFault,
  type Metadata,
  NONE,
  protocolOf,
  sliceOf,
} from "./slim.ts";
import { sized, varint, type WireCursor } from "./wire_cursor.ts";

const SLICE = { metadata: sized(1), endpoints: sized(2), ports: sized(3), addressType: sized(4) };
const ENDPOINT = {
  addresses: sized(1),
  conditions: sized(2),
  nodeName: sized(6),
  zone: sized(7),
  hints: sized(8),
};
const CONDITIONS = { ready: varint(1), serving: varint(2), terminating: varint(3) };
const HINTS = { forZones: sized(1), forNodes: sized(2) };
/** The only field of ForZone and of ForNode. */
const NAME = sized(1);
const PORT = { name: sized(1), protocol: sized(2), port: varint(3) };

/**
 * Reads an EndpointSlice.
 *
 * @param cursor Stands at the first field.
 * @param end The byte after the slice.
 * @param sharePorts Shares equal lists of ports.
 * @returns The slim slice.
 * @throws {FieldFault} When a field cannot be used.
 * @throws {Error} When the bytes are broken.
 */
export function protobufSlice(
  cursor: WireCursor,
  end: number,
  sharePorts: (ports: readonly SlicePort[]) => readonly SlicePort[],
): EndpointSlice {
  let metadata: Metadata | undefined;
  let addressType = "";
  const endpoints: SliceEndpoint[] = [];
  const ports: SlicePort[] = [];
  cursor.fields(end, (tag) => {
    if (tag === SLICE.metadata) metadata = protobufMetadata(cursor, "EndpointSlice");
    else if (tag === SLICE.endpoints) endpoints.push(endpoint(cursor));
    else if (tag === SLICE.ports) ports.push(port(cursor));
    else if (tag === SLICE.addressType) addressType = cursor.shared();
    else cursor.skip(tag);
  });
  if (metadata === undefined) throw new FieldFault(["metadata"], "absent");
  return sliceOf(
    metadata,
    addressType,
    endpoints.length === 0 ? NONE : endpoints,
    sharePorts(ports),
  );
}

/** Plain loops: a list has a hundred thousand endpoints, and a function for each costs as much. */
function endpoint(cursor: WireCursor): SliceEndpoint {
  let addresses: string[] | undefined;
  const conditions: Conditions = { ready: undefined, serving: undefined, terminating: undefined };
  let nodeName = "";
  let zone = "";
  let hintZones: string[] | undefined;
  let hintNodes: string[] | undefined;
  const end = cursor.end();
  while (cursor.position < end) {
    const tag = cursor.tag();
    if (tag === ENDPOINT.addresses) {
      if (addresses === undefined) addresses = [cursor.text()];
      else addresses.push(cursor.text());
    } else if (tag === ENDPOINT.conditions) readConditions(cursor, conditions);
    else if (tag === ENDPOINT.nodeName) nodeName = cursor.shared();
    else if (tag === ENDPOINT.zone) zone = cursor.shared();
    else if (tag === ENDPOINT.hints) {
      cursor.fields(cursor.end(), (field) => {
        if (field === HINTS.forZones) (hintZones ??= []).push(cursor.only(NAME));
        else if (field === HINTS.forNodes) (hintNodes ??= []).push(cursor.only(NAME));
        else cursor.skip(field);
      });
    } else cursor.skip(tag);
  }
  cursor.expect(end);
  return endpointOf(
    addresses ?? NONE,
    conditions,
    nodeName,
    zone,
    hintZones ?? NONE,
    hintNodes ?? NONE,
  );
}

function readConditions(cursor: WireCursor, conditions: Conditions): void {
  const end = cursor.end();
  while (cursor.position < end) {
    const tag = cursor.tag();
    if (tag === CONDITIONS.ready) conditions.ready = cursor.flag();
    else if (tag === CONDITIONS.serving) conditions.serving = cursor.flag();
    else if (tag === CONDITIONS.terminating) conditions.terminating = cursor.flag();
    else cursor.skip(tag);
  }
  cursor.expect(end);
}

function port(cursor: WireCursor): SlicePort {
  const written = { name: "", protocol: "", port: 0 };
  cursor.fields(cursor.end(), (tag) => {
    if (tag === PORT.name) written.name = cursor.shared();
    else if (tag === PORT.protocol) written.protocol = cursor.shared();
    else if (tag === PORT.port) written.port = cursor.integer();
    else cursor.skip(tag);
  });
  return { ...written, protocol: protocolOf(written.protocol) };
}
