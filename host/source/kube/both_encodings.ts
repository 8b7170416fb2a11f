/**
 * What tests of the decoders stand on: one object in every encoding.
 *
 * @module
 */
import type { KubeKind } from "../../../schemas/kube.ts";
import { fieldHead, protobufEnvelope, protobufMessage } from "../../../tests/kit/api_message.ts";
import { jsonDecoder } from "./decode_json.ts";
import { protobufDecoder } from "./decode_protobuf.ts";
import type { ListPage } from "./decoder.ts";
import { StringTable } from "./strings.ts";

const strings = new StringTable();

const API_VERSIONS: Readonly<Record<KubeKind, string>> = {
  Service: "v1",
  EndpointSlice: "discovery.k8s.io/v1",
  Node: "v1",
  ServiceCIDR: "networking.k8s.io/v1",
};

/**
 * Writes one object in both encodings and reads it back.
 *
 * @param kind Its kind.
 * @param object The object in its JSON form.
 * @returns The page that each decoder makes of a list with it.
 */
export function inBoth(kind: KubeKind, object: Readonly<Record<string, unknown>>): {
  readonly json: ListPage;
  readonly protobuf: ListPage;
} {
  const apiVersion = API_VERSIONS[kind];
  const listKind = `${kind}List`;
  const message = protobufMessage(kind, object);
  const body = protobufEnvelope(apiVersion, listKind, [fieldHead(2, message), message]);
  const text = JSON.stringify({ kind: listKind, apiVersion, metadata: {}, items: [object] });
  return {
    json: jsonDecoder(kind, strings).list(new TextEncoder().encode(text)),
    protobuf: protobufDecoder(kind, strings).list(body),
  };
}
