/**
 * The demo's manifests: read to learn which pods to make, and written anew to scale.
 *
 * @module
 */
import * as v from "valibot";
import { parseAllDocuments, stringify } from "yaml";

const EndpointSchema = v.looseObject({
  addresses: v.pipe(v.array(v.string()), v.minLength(1)),
  conditions: v.optional(v.looseObject({ ready: v.optional(v.boolean(), true) }), {}),
  targetRef: v.looseObject({ name: v.string() }),
});

const SliceSchema = v.looseObject({
  kind: v.literal("EndpointSlice"),
  addressType: v.picklist(["IPv4", "IPv6"]),
  ports: v.pipe(v.array(v.looseObject({ port: v.number() })), v.minLength(1)),
  endpoints: v.array(EndpointSchema),
});

const ServiceSchema = v.looseObject({
  kind: v.literal("Service"),
  metadata: v.looseObject({ name: v.string() }),
  spec: v.looseObject({
    clusterIPs: v.pipe(v.array(v.string()), v.minLength(1)),
    ports: v.pipe(
      v.array(v.looseObject({ protocol: v.picklist(["TCP", "UDP"]), port: v.number() })),
      v.minLength(1),
    ),
  }),
});

type Slice = v.InferOutput<typeof SliceSchema>;

/** A pod that can be an endpoint of the Service. */
export interface Pod {
  /** As in `targetRef`. */
  readonly name: string;
  /** One for each family, without a prefix length. */
  readonly addresses: readonly string[];
  /** Whether the slices call it ready from the beginning. */
  readonly ready: boolean;
}

/** A Service's points of entry. */
export interface ServicePorts {
  readonly name: string;
  readonly clusterIPs: readonly string[];
  /** Numbers are ports, 1–65535. */
  readonly ports: readonly { readonly protocol: "TCP" | "UDP"; readonly port: number }[];
}

function documents(text: string): unknown[] {
  return parseAllDocuments(text).map((document): unknown => document.toJS());
}

/**
 * Reads a manifest with one Service.
 *
 * @param text YAML.
 * @returns Its points of entry.
 * @throws {v.ValiError} When it is something else.
 */
export function readService(text: string): ServicePorts {
  const { metadata, spec } = v.parse(ServiceSchema, documents(text)[0]);
  return { name: metadata.name, clusterIPs: spec.clusterIPs, ports: spec.ports };
}

/** The endpoints of one Service, as the slices have them. */
export class Endpoints {
  readonly #slices: readonly Slice[];
  /** The pods, in the order of the slices. */
  readonly pods: readonly Pod[];
  /** What the pods listen on, 1–65535. */
  readonly port: number;

  /**
   * Reads a manifest with EndpointSlices.
   *
   * @param text YAML.
   * @throws {v.ValiError} When it holds something else.
   */
  constructor(text: string) {
    this.#slices = v.parse(v.pipe(v.array(SliceSchema), v.minLength(1)), documents(text));
    const pods = new Map<string, { name: string; addresses: string[]; ready: boolean }>();
    for (const { addresses: [address = ""], conditions, targetRef: { name } } of this.#all()) {
      const pod = pods.get(name) ?? { name, addresses: [], ready: true };
      pods.set(name, {
        name,
        addresses: [...pod.addresses, address],
        ready: pod.ready && conditions.ready,
      });
    }
    this.pods = [...pods.values()];
    this.port = this.#slices[0]?.ports[0]?.port ?? 0;
  }

  #all() {
    return this.#slices.flatMap((slice) => slice.endpoints);
  }

  /**
   * The manifest of another scale.
   *
   * @param names The pods that are ready; others are left out, as the API server's controllers
   * leave out a pod that is gone.
   * @returns YAML.
   */
  scaled(names: readonly string[]): string {
    return this.#slices.map((slice) => {
      const endpoints = slice.endpoints
        .filter(({ targetRef }) => names.includes(targetRef.name))
        .map((endpoint) => ({ ...endpoint, conditions: { ready: true } }));
      return stringify({ ...slice, endpoints });
    }).join("---\n");
  }
}

/**
 * Writes a file so that whoever watches its folder sees the old or the new one, never a half.
 *
 * @param path The file.
 * @param draft A path on the same file system, outside of the watched folder.
 * @param text What to write.
 * @throws {Deno.errors.PermissionDenied} And what else the file system says.
 */
export async function replaceFile(path: string, draft: string, text: string): Promise<void> {
  await Deno.writeTextFile(draft, text);
  await Deno.rename(draft, path);
}
