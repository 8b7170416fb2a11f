/**
 * Reads a Node from protobuf.
 *
 * @module
 */
import type { Node, Taint } from "../../../schemas/kube.ts";
import { protobufMetadata } from "./protobuf_metadata.ts";
import { FieldFault, type Metadata, nodeOf } from "./slim.ts";
import { sized, type WireCursor } from "./wire_cursor.ts";

const NODE = { metadata: sized(1), spec: sized(2), status: sized(3) };
const SPEC = { podCIDR: sized(1), taints: sized(5), podCIDRs: sized(7) };
const TAINT = { key: sized(1), value: sized(2), effect: sized(3) };
const STATUS = { addresses: sized(5) };
const ADDRESS = { type: sized(1), address: sized(2) };

/**
 * Reads a Node.
 *
 * @param cursor Stands at the first field.
 * @param end The byte after the Node.
 * @returns The slim Node.
 * @throws {FieldFault} When there is no metadata.
 * @throws {Error} When the bytes are broken.
 */
export function protobufNode(cursor: WireCursor, end: number): Node {
  let metadata: Metadata | undefined;
  let podCIDR = "";
  const podCIDRs: string[] = [];
  const taints: Taint[] = [];
  const addresses: { readonly type: string; readonly address: string }[] = [];
  const takeSpec = (tag: number) => {
    if (tag === SPEC.podCIDR) podCIDR = cursor.text();
    else if (tag === SPEC.podCIDRs) podCIDRs.push(cursor.text());
    else if (tag === SPEC.taints) taints.push(taint(cursor));
    else cursor.skip(tag);
  };
  const takeStatus = (tag: number) => {
    if (tag === STATUS.addresses) addresses.push(address(cursor));
    else cursor.skip(tag);
  };
  cursor.fields(end, (tag) => {
    if (tag === NODE.metadata) metadata = protobufMetadata(cursor, "Node");
    else if (tag === NODE.spec) cursor.fields(cursor.end(), takeSpec);
    else if (tag === NODE.status) cursor.fields(cursor.end(), takeStatus);
    else cursor.skip(tag);
  });
  if (metadata === undefined) throw new FieldFault(["metadata"], "absent");
  return nodeOf(metadata, podCIDR, podCIDRs, taints, addresses);
}

function taint(cursor: WireCursor): Taint {
  const written = { key: "", value: "", effect: "" };
  cursor.fields(cursor.end(), (tag) => {
    if (tag === TAINT.key) written.key = cursor.text();
    else if (tag === TAINT.value) written.value = cursor.text();
    else if (tag === TAINT.effect) written.effect = cursor.text();
    else cursor.skip(tag);
  });
  return written;
}

function address(cursor: WireCursor): { readonly type: string; readonly address: string } {
  const written = { type: "", address: "" };
  cursor.fields(cursor.end(), (tag) => {
    if (tag === ADDRESS.type) written.type = cursor.text();
    else if (tag === ADDRESS.address) written.address = cursor.text();
    else cursor.skip(tag);
  });
  return written;
}
