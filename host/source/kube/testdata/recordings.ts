/**
 * The recordings, for tests.
 *
 * @module
 */
import forbidden403Services from "./forbidden-403-services.json" with { type: "json" };
import forbidden403WatchEndpointslices from "./forbidden-403-watch-endpointslices.json" with {
  type: "json",
};
import listEndpointslicesLabelSelector from "./list-endpointslices-label-selector.json" with {
  type: "json",
};
import listEndpointslicesProtobuf from "./list-endpointslices-protobuf.json" with { type: "json" };
import listFutureRv504 from "./list-future-rv-504.json" with { type: "json" };
import listNodes from "./list-nodes.json" with { type: "json" };
import listNodesFieldSelector from "./list-nodes-field-selector.json" with { type: "json" };
import listNodesProtobuf from "./list-nodes-protobuf.json" with { type: "json" };
import listServicesChunk0 from "./list-services-chunk0.json" with { type: "json" };
import listServicesContinue410 from "./list-services-continue-410.json" with { type: "json" };
import listServicesLabelSelector from "./list-services-label-selector.json" with { type: "json" };
import listServicesProtobuf from "./list-services-protobuf.json" with { type: "json" };
import unauthorized401Services from "./unauthorized-401-services.json" with { type: "json" };
import watchEndpointslices from "./watch-endpointslices.json" with { type: "json" };
import watchNodes from "./watch-nodes.json" with { type: "json" };
import watchServices from "./watch-services.json" with { type: "json" };
import watchServices410 from "./watch-services-410.json" with { type: "json" };
import watchServices410Protobuf from "./watch-services-410-protobuf.json" with { type: "json" };
import watchServicesProtobuf from "./watch-services-protobuf.json" with { type: "json" };

/** An answer of a real API server. */
export interface Recording {
  readonly name: string;
  /** Path and query of the request. */
  readonly path: string;
  readonly status: number;
  readonly contentType: string;
  /** The Retry-After header in seconds, "" when there was none. */
  readonly retryAfter: string;
  readonly body: Uint8Array;
}

const files = [
  forbidden403Services,
  forbidden403WatchEndpointslices,
  listEndpointslicesLabelSelector,
  listEndpointslicesProtobuf,
  listFutureRv504,
  listNodes,
  listNodesFieldSelector,
  listNodesProtobuf,
  listServicesChunk0,
  listServicesContinue410,
  listServicesLabelSelector,
  listServicesProtobuf,
  unauthorized401Services,
  watchEndpointslices,
  watchNodes,
  watchServices,
  watchServices410,
  watchServices410Protobuf,
  watchServicesProtobuf,
];

const byName = new Map(files.map((file) => [file.name, file]));

/**
 * A recording.
 *
 * @param name As in the file's name.
 * @returns The recording, its body as the bytes that came.
 * @throws {Error} When there is none of this name.
 */
export function recording(name: string): Recording {
  const file = byName.get(name);
  if (file === undefined) throw new Error(`Cannot find recording "${name}": no such file`);
  const { path, status, contentType, retryAfter, encoding, body } = file;
  return {
    name,
    path,
    status,
    contentType,
    retryAfter,
    body: encoding === "base64"
      ? Uint8Array.from(atob(body), (character) => character.charCodeAt(0))
      : new TextEncoder().encode(body),
  };
}
