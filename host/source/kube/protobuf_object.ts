/**
 * Reads an object of any kind from protobuf.
 *
 * @module
 */
import type { KubeKind, KubeObject, SlicePort } from "../../../schemas/kube.ts";
import type { Malformed } from "./decoder.ts";
import { protobufIdentity } from "./protobuf_metadata.ts";
import { protobufNode } from "./protobuf_node.ts";
import { protobufService } from "./protobuf_service.ts";
import { protobufServiceCidr } from "./protobuf_service_cidr.ts";
import { protobufSlice } from "./protobuf_slice.ts";
import { objectError } from "./slim.ts";
import type { WireCursor } from "./wire_cursor.ts";

/** Shares equal lists of ports. */
export type SharePorts = (ports: readonly SlicePort[]) => readonly SlicePort[];

/**
 * Reads an object. The cursor stands after it in any case, so that the next one can be read.
 *
 * @param cursor Stands at the object's first field.
 * @param end The byte after the object.
 * @param kind What it is.
 * @param sharePorts Shares equal lists of ports.
 * @returns The slim object, or what is wrong with it.
 * @throws {Error} When the bytes are so broken that not even its name can be read.
 */
export function protobufObject(
  cursor: WireCursor,
  end: number,
  kind: KubeKind,
  sharePorts: SharePorts,
): KubeObject | Malformed {
  const start = cursor.position;
  try {
    switch (kind) {
      case "Service":
        return protobufService(cursor, end);
      case "EndpointSlice":
        return protobufSlice(cursor, end, sharePorts);
      case "Node":
        return protobufNode(cursor, end);
      case "ServiceCIDR":
        return protobufServiceCidr(cursor, end);
    }
  } catch (thrown) {
    cursor.position = start;
    const identity = protobufIdentity(cursor, end);
    cursor.position = end;
    return { ...identity, error: objectError(kind, identity, thrown) };
  }
}
