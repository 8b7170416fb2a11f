/**
 * Reads a ServiceCIDR from protobuf.
 *
 * @module
 */
import type { ServiceCIDR } from "../../../schemas/kube.ts";
import { protobufMetadata } from "./protobuf_metadata.ts";
import { FieldFault, type Metadata, serviceCidrOf } from "./slim.ts";
import { sized, type WireCursor } from "./wire_cursor.ts";

const SERVICE_CIDR = { metadata: sized(1), spec: sized(2) };
const SPEC = { cidrs: sized(1) };

/**
 * Reads a ServiceCIDR.
 *
 * @param cursor Stands at the first field.
 * @param end The byte after the ServiceCIDR.
 * @returns The slim ServiceCIDR.
 * @throws {FieldFault} When there is no metadata, or a range is no CIDR.
 * @throws {Error} When the bytes are broken.
 */
export function protobufServiceCidr(cursor: WireCursor, end: number): ServiceCIDR {
  let metadata: Metadata | undefined;
  const cidrs: string[] = [];
  cursor.fields(end, (tag) => {
    if (tag === SERVICE_CIDR.metadata) metadata = protobufMetadata(cursor, "ServiceCIDR");
    else if (tag === SERVICE_CIDR.spec) {
      cursor.fields(cursor.end(), (field) => {
        if (field === SPEC.cidrs) cidrs.push(cursor.text());
        else cursor.skip(field);
      });
    } else cursor.skip(tag);
  });
  if (metadata === undefined) throw new FieldFault(["metadata"], "absent");
  return serviceCidrOf(metadata, cidrs);
}
