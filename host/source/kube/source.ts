/**
 * The API server as a source of objects.
 *
 * @module
 */
import { type Clock, systemClock } from "../../clock.ts";
import type { Log } from "../../../schemas/capability.ts";
import type { CredentialSource } from "../../../schemas/credentials.ts";
import type { Source } from "../../../schemas/kube.ts";
import type { Silences } from "../silence.ts";
import { apiClient, PROTOBUF } from "./client.ts";
import type { ObserveClient } from "./client_event.ts";
import { jsonDecoder } from "./decode_json.ts";
import { protobufDecoder } from "./decode_protobuf.ts";
import { TokenBucket } from "./rate_limit.ts";
import { Reflector } from "./reflector.ts";
import { resources } from "./resource.ts";
import { StringTable } from "./strings.ts";

/** Settings of a {@linkcode kubeSource}. */
export interface KubeSourceOptions {
  readonly credentials: CredentialSource;
  /** The name of this node's Node. */
  readonly nodeName: string;
  readonly log: Log;
  /** For example `weir/0.1.0`. */
  readonly userAgent: string;
  /** As `--kube-api-content-type`; protobuf when absent or "". */
  readonly contentType?: string;
  /** The Accept header in place of the one for `contentType`; none when absent or "". */
  readonly acceptContentTypes?: string;
  /** As `--kube-api-qps`: requests per second; 5 when absent or 0, no limit below 0. */
  readonly qps?: number;
  /** As `--kube-api-burst`; 10 when absent or 0. */
  readonly burst?: number;
  /** Keeps what is not heard of. */
  readonly silences?: Silences;
  /** Told of each request. */
  readonly observe?: ObserveClient;
  /** For tests. */
  readonly clock?: Clock;
  /** For tests: from 0 to just below 1, uniformly. */
  readonly random?: () => number;
}

/**
 * A source that lists and watches Services, EndpointSlices, this node's Node and, where the
 * API server has them, ServiceCIDRs.
 *
 * @param options Credentials, the node's name and the client's settings.
 * @returns The source; it connects when it is run.
 */
export function kubeSource(options: KubeSourceOptions): Source {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  return {
    async run(deliver, signal) {
      const client = apiClient({
        credentials: options.credentials,
        limit: new TokenBucket({ qps: options.qps ?? 0, burst: options.burst ?? 0, clock }),
        contentType: options.contentType || PROTOBUF,
        acceptContentTypes: options.acceptContentTypes ?? "",
        userAgent: options.userAgent,
        clock,
        ...(options.observe === undefined ? {} : { observe: options.observe }),
      });
      const strings = new StringTable();
      const reflectors = resources(options.nodeName).map((resource) =>
        new Reflector({
          resource,
          client,
          decoders: {
            json: jsonDecoder(resource.kind, strings),
            protobuf: protobufDecoder(resource.kind, strings),
          },
          clock,
          random,
          log: options.log,
          silent: (silence) => options.silences?.keep(resource, silence),
          deliver,
        })
      );
      try {
        await Promise.all(reflectors.map((reflector) => reflector.run(signal)));
      } finally {
        await client.close();
      }
    },
  };
}
