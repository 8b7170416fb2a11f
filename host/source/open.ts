/**
 * Opens the source that the configuration asks for.
 *
 * @module
 */
import type { Log } from "../../schemas/capability.ts";
import type { WeirConfig } from "../../schemas/config.ts";
import type { CredentialSource } from "../../schemas/credentials.ts";
import type { Source } from "../../schemas/kube.ts";
import type { ObserveClient } from "./kube/client_event.ts";
import type { Silences } from "./silence.ts";

/** What a source stands on. */
export interface SourceGround {
  readonly log: Log;
  /** Makes the credentials for the API server; only called when there is one. */
  readonly credentials: () => CredentialSource;
  /** For example `weir/0.1.0`. */
  readonly userAgent: string;
  /** Keeps what is not heard of; nobody asks for it where it is left out. */
  readonly silences?: Silences;
  /** Told of each request to the API server. */
  readonly observe: ObserveClient;
}

/**
 * Opens the folder of manifests if there is one, else the API server.
 *
 * @param config The configuration.
 * @param ground The log, the credentials, and what the client calls itself.
 * @returns The source; it is loaded, reads and connects when it is run.
 */
export function openSource(config: WeirConfig, ground: SourceGround): Source {
  return {
    run: async (deliver, signal) => await (await load(config, ground)).run(deliver, signal),
  };
}

/** Only what is used is imported: undici and what it needs take 20 MB, the parser of YAML 3 MB. */
async function load(config: WeirConfig, ground: SourceGround): Promise<Source> {
  const { log, observe, userAgent, silences } = ground;
  if (config.manifests !== "") {
    const { manifestsSource } = await import("./manifests/source.ts");
    return manifestsSource({ directory: config.manifests, log });
  }
  const { kubeSource } = await import("./kube/source.ts");
  const { nodeName, clientConnection: { acceptContentTypes, contentType, qps, burst } } = config;
  const credentials = ground.credentials();
  return kubeSource({
    credentials,
    nodeName,
    log,
    observe,
    ...(silences === undefined ? {} : { silences }),
    userAgent,
    acceptContentTypes,
    contentType,
    qps,
    burst,
  });
}
