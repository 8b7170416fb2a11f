/**
 * The proxier under test: a plugin, and what stands between Kubernetes' objects and it.
 *
 * @module
 */
import type { CapabilityAnswer } from "../../host/capabilities/capability.ts";
import { Revisions, type ServiceUpdate } from "../../host/diff.ts";
import { resolveService } from "../../host/resolver/resolve.ts";
import type { Plugin } from "../../plugins/sdk/mod.ts";
import type { EndpointSlice, Node, Service } from "../../schemas/kube.ts";
import type { ProxierSettings } from "../../schemas/view.ts";
import { type Loopback, loopback } from "../kit/loopback.ts";

/** weir's own. */
const OWN = "../../plugins/proxier-nftables/plugin.ts";

/**
 * Loads the proxier that the command line names, or weir's own.
 *
 * @param reference A path from the working directory, or a URL; the first argument behind `--` that is no
 * option.
 * @returns What its file exports by default.
 * @throws {TypeError} When that is no proxier that asks for an nftables table.
 */
export async function loadProxier(
  reference: string | undefined = Deno.args.find((word) => !word.startsWith("--")),
): Promise<Plugin> {
  const url = reference === undefined
    ? new URL(OWN, import.meta.url)
    : new URL(reference, `file://${Deno.cwd()}/`);
  const { default: plugin }: { readonly default?: Plugin } = await import(url.href);
  if (plugin?.manifest.kind !== "proxier" || tableOf(plugin) === undefined) {
    throw new TypeError(`Cannot test "${url.href}": its default export is no proxier with a table`);
  }
  return plugin;
}

function tableOf({ manifest }: Plugin): string | undefined {
  return (manifest.requires.nft ?? manifest.uses.nft)?.table;
}

/**
 * What the plugin may write.
 *
 * @param plugin A proxier of {@linkcode loadProxier}.
 * @returns The grant.
 */
export function grantOf(plugin: Plugin): { readonly version: 1; readonly table: string } {
  return { version: 1, table: tableOf(plugin) ?? "" };
}

/** Answers `nft.commit` and `nft.list`. */
export type NftAnswerer = (
  method: string,
  params: unknown,
  attachment: Uint8Array,
) => CapabilityAnswer | Promise<CapabilityAnswer>;

function resolverNode({ name, labels, addresses }: Node) {
  return { name, zone: labels["topology.kubernetes.io/zone"] ?? "", addresses };
}

/** A proxier that is told of objects, as the host would tell it. */
export class ConformanceProxier implements AsyncDisposable {
  readonly #loopback: Loopback;
  readonly #node: ReturnType<typeof resolverNode>;
  readonly #revisions = new Revisions();
  readonly #known = new Set<string>();

  private constructor(loopback: Loopback, node: Node) {
    this.#loopback = loopback;
    this.#node = resolverNode(node);
  }

  /**
   * Starts it, with no object yet.
   *
   * @param plugin A proxier of {@linkcode loadProxier}.
   * @param around What it is told besides, this node, and who takes its transactions.
   * @returns The proxier; to be disposed with `await using`.
   */
  static async start(
    plugin: Plugin,
    { settings, node, nft }: {
      readonly settings: ProxierSettings;
      readonly node: Node;
      readonly nft: NftAnswerer;
    },
  ): Promise<ConformanceProxier> {
    const started = new ConformanceProxier(await loopback(plugin, { nft }), node);
    await started.#loopback.call("resync", started.#revisions.snapshot(settings));
    return started;
  }

  /**
   * Makes these objects the cluster's.
   *
   * @param objects All Services and slices there are.
   * @returns When the proxier has committed what it makes of the difference.
   */
  async serve(objects: readonly (Service | EndpointSlice)[]): Promise<void> {
    const updates = new Map<string, ServiceUpdate>();
    for (const key of this.#known) updates.set(key, { key, views: [] });
    this.#known.clear();
    for (const service of objects) {
      if (service.kind !== "Service") continue;
      const { namespace, name } = service;
      const slices = objects.filter((object): object is EndpointSlice =>
        object.kind === "EndpointSlice" && object.namespace === namespace &&
        object.serviceName === name
      ).sort((one, other) => one.name < other.name ? -1 : 1);
      const { views, problems } = resolveService(service, slices, this.#node);
      if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join("; "));
      const key = `${namespace}/${name}`;
      updates.set(key, { key, views });
      this.#known.add(key);
    }
    const diff = this.#revisions.advance([...updates.values()]);
    if (diff !== undefined) await this.#loopback.call("apply", diff);
  }

  /**
   * Makes it remove what it has put into the kernel.
   *
   * @returns When it has.
   */
  async cleanup(): Promise<void> {
    await this.#loopback.call("cleanup", null);
  }

  /** Ends it; what it has put into the kernel stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loopback[Symbol.asyncDispose]();
  }
}
