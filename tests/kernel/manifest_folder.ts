/**
 * A folder of manifests that is changed as careful people change one: whole files, renamed into
 * their place.
 *
 * @module
 */
import type { KubeObject } from "../../schemas/kube.ts";
import { kubeObject } from "./kube_object.ts";

/** A folder for `--manifests`. */
export class ManifestFolder implements AsyncDisposable {
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
  }

  /**
   * Makes an empty one.
   *
   * @returns The folder; to be disposed with `await using`.
   */
  static async create(): Promise<ManifestFolder> {
    const root = await Deno.makeTempDir({ prefix: "weir-manifests-" });
    await Deno.mkdir(`${root}/manifests`);
    return new ManifestFolder(root);
  }

  /** Its path, for `--manifests`. */
  get path(): string {
    return `${this.#root}/manifests`;
  }

  /**
   * Replaces a file in one step.
   *
   * @param name For example `web.json`.
   * @param objects All that shall be in it.
   */
  async write(name: string, objects: readonly KubeObject[]): Promise<void> {
    const draft = `${this.#root}/draft`;
    const list = { apiVersion: "v1", kind: "List", items: objects.map(kubeObject) };
    await Deno.writeTextFile(draft, JSON.stringify(list));
    await Deno.rename(draft, `${this.path}/${name}`);
  }

  /** Removes the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#root, { recursive: true });
  }
}
