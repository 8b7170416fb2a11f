/**
 * Reads ObjectMeta from protobuf. Field numbers here and in the other `protobuf_…` files are those
 * of `generated.proto` in k8s.io/api and k8s.io/apimachinery; a released number never changes.
 *
 * @module
 */
import type { KubeKind } from "../../../schemas/kube.ts";
import { FieldFault, type Metadata, NO_LABELS, readsAnnotation, readsLabel } from "./slim.ts";
import { sized, type WireCursor } from "./wire_cursor.ts";

const META = {
  name: sized(1),
  namespace: sized(3),
  resourceVersion: sized(6),
  deletionTimestamp: sized(9),
  labels: sized(11),
  annotations: sized(12),
};
const ENTRY = { key: sized(1), value: sized(2) };
/** metadata is the first field of each object. */
const METADATA = sized(1);

type Entries = Readonly<Record<string, string>>;

function entry(
  cursor: WireCursor,
  entries: Entries,
  reads: (key: string) => boolean,
): Entries {
  let key = "";
  let wanted = false;
  let value = "";
  cursor.fields(cursor.end(), (tag) => {
    if (tag === ENTRY.key) {
      key = cursor.shared();
      wanted = reads(key);
    } else if (tag === ENTRY.value && wanted) value = cursor.text();
    else cursor.skip(tag);
  });
  return wanted ? { ...entries, [key]: value } : entries;
}

/**
 * Reads an ObjectMeta.
 *
 * @param cursor Stands before the message's length.
 * @param kind The object's kind, which says what labels and annotations are kept.
 * @returns The metadata.
 * @throws {FieldFault} When there is no name.
 */
export function protobufMetadata(cursor: WireCursor, kind: KubeKind): Metadata {
  const metadata: Metadata = {
    namespace: "",
    name: "",
    resourceVersion: "",
    labels: NO_LABELS,
    annotations: NO_LABELS,
    deleting: false,
  };
  cursor.fields(cursor.end(), (tag) => {
    switch (tag) {
      case META.name:
        metadata.name = cursor.text();
        break;
      case META.namespace:
        metadata.namespace = cursor.shared();
        break;
      case META.resourceVersion:
        metadata.resourceVersion = cursor.text();
        break;
      case META.deletionTimestamp:
        cursor.skip(tag);
        metadata.deleting = true;
        break;
      case META.labels:
        metadata.labels = entry(cursor, metadata.labels, (key) => readsLabel(kind, key));
        break;
      case META.annotations:
        metadata.annotations = entry(
          cursor,
          metadata.annotations,
          (key) => readsAnnotation(kind, key),
        );
        break;
      default:
        cursor.skip(tag);
    }
  });
  if (metadata.name === "") throw new FieldFault(["metadata", "name"], "absent");
  return metadata;
}

/**
 * What can be told of an object for a report or a removal, however broken it is.
 *
 * @param cursor Stands at the object's first field; where it stands afterwards is not said.
 * @param end The byte after the object.
 * @returns Name and version, "" where they cannot be read.
 */
export function protobufIdentity(
  cursor: WireCursor,
  end: number,
): { readonly namespace: string; readonly name: string; readonly resourceVersion: string } {
  const identity = { namespace: "", name: "", resourceVersion: "" };
  const take = (tag: number) => {
    if (tag === META.name) identity.name = cursor.text();
    else if (tag === META.namespace) identity.namespace = cursor.text();
    else if (tag === META.resourceVersion) identity.resourceVersion = cursor.text();
    else cursor.skip(tag);
  };
  try {
    cursor.fields(end, (tag) => {
      if (tag === METADATA) cursor.fields(cursor.end(), take);
      else cursor.skip(tag);
    });
  } catch {
    // The bytes are broken: what was read so far is all there is to tell.
  }
  return identity;
}
