/**
 * A configuration file as a pod has it: in a volume of a ConfigMap, whose versions the kubelet
 * swaps in one step.
 *
 * @module
 */
import type { NetworkNamespace } from "../../host/capabilities/namespace.ts";
import { succeed } from "./namespace_program.ts";

/** The fields of a KubeProxyConfiguration. */
export type ProxyFields = Readonly<Record<string, unknown>>;

const FILE = "config.yaml";

/** A volume with one file, for `--config`. */
export class ConfigMap implements AsyncDisposable {
  readonly #root: string;
  readonly #place: { readonly namespace: NetworkNamespace };
  #version = 0;

  private constructor(root: string, place: { readonly namespace: NetworkNamespace }) {
    this.#root = root;
    this.#place = place;
  }

  /**
   * Makes a volume.
   *
   * @param place Where the programs run that swap: Deno makes links for who may go anywhere only.
   * @param fields What the file says.
   * @returns The volume; to be disposed with `await using`.
   */
  static async create(
    place: { readonly namespace: NetworkNamespace },
    fields: ProxyFields,
  ): Promise<ConfigMap> {
    const root = await Deno.makeTempDir({ prefix: "weir-config-" });
    const map = new ConfigMap(root, place);
    await map.write(fields);
    await succeed(place, ["ln", "-s", `..data/${FILE}`, map.path]);
    return map;
  }

  /** The file's path. */
  get path(): string {
    return `${this.#root}/${FILE}`;
  }

  /**
   * Swaps in another version.
   *
   * @param fields What the file says.
   */
  write(fields: ProxyFields): Promise<void> {
    const head = { apiVersion: "kubeproxy.config.k8s.io/v1alpha1", kind: "KubeProxyConfiguration" };
    // JSON is YAML.
    return this.writeText(JSON.stringify({ ...head, ...fields }, undefined, 2));
  }

  /**
   * Swaps in another version, whatever it is.
   *
   * @param text All of the file.
   */
  async writeText(text: string): Promise<void> {
    const data = `..version-${++this.#version}`;
    await Deno.mkdir(`${this.#root}/${data}`);
    await Deno.writeTextFile(`${this.#root}/${data}/${FILE}`, text);
    await succeed(this.#place, ["ln", "-s", data, `${this.#root}/..data_tmp`]);
    await Deno.rename(`${this.#root}/..data_tmp`, `${this.#root}/..data`);
    const former = `${this.#root}/..version-${this.#version - 1}`;
    if (this.#version > 1) await Deno.remove(former, { recursive: true });
  }

  /** Removes the volume. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#root, { recursive: true });
  }
}
