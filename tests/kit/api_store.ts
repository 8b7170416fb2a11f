/**
 * The objects of the fake API server, their versions and their history: what etcd and the watch
 * cache are to a real one.
 *
 * @module
 */
import type { KubeKind } from "../../schemas/kube.ts";
import { protobufMessage } from "./api_message.ts";

/** A Kubernetes object in its JSON form, for example what `kubectl get -o json` prints. */
export interface ApiObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

/** A stored object, written once for each encoding. */
export class StoredObject {
  readonly #kind: KubeKind;
  readonly #object: ApiObject;
  #json: string | undefined;
  #protobuf: Uint8Array | undefined;

  /**
   * @param kind Its kind.
   * @param object The object, with its resourceVersion.
   */
  constructor(kind: KubeKind, object: ApiObject) {
    this.#kind = kind;
    this.#object = object;
  }

  /**
   * The namespace and name.
   *
   * @returns `namespace/name`, or `/name` for a Node or a ServiceCIDR: the order of a list.
   */
  get key(): string {
    return `${this.#object.metadata.namespace ?? ""}/${this.#object.metadata.name}`;
  }

  /**
   * The metadata.
   *
   * @returns As stored.
   */
  get metadata(): ApiObject["metadata"] {
    return this.#object.metadata;
  }

  /**
   * The object in JSON.
   *
   * @returns Without kind and apiVersion, as in a list.
   */
  get json(): string {
    return this.#json ??= JSON.stringify(this.#object);
  }

  /**
   * The object in protobuf.
   *
   * @returns The message, without an envelope.
   */
  get protobuf(): Uint8Array {
    return this.#protobuf ??= protobufMessage(this.#kind, this.#object);
  }

  /**
   * The same object as it is when it goes: a DELETED event has the deletion's version.
   *
   * @param version The deletion's version.
   * @returns A copy.
   */
  at(version: number): StoredObject {
    const metadata = { ...this.#object.metadata, resourceVersion: String(version) };
    return new StoredObject(this.#kind, { ...this.#object, metadata });
  }
}

/** One change: an object before and after it. */
export interface StoreChange {
  readonly version: number;
  readonly kind: KubeKind;
  readonly before?: StoredObject;
  readonly after?: StoredObject;
}

/** The store. Versions count over all kinds, as in etcd. */
export class ApiStore {
  readonly #objects: Readonly<Record<KubeKind, Map<string, StoredObject>>> = {
    Service: new Map(),
    EndpointSlice: new Map(),
    Node: new Map(),
    ServiceCIDR: new Map(),
  };
  #history: StoreChange[] = [];
  #version = 1;
  #oldest = 0;
  readonly #listeners = new Set<(change: StoreChange) => void>();

  /**
   * The version of the last change.
   *
   * @returns A count.
   */
  get version(): number {
    return this.#version;
  }

  /**
   * Where history begins.
   *
   * @returns A watch from a version below this is refused.
   */
  get oldest(): number {
    return this.#oldest;
  }

  /**
   * Creates or replaces an object.
   *
   * @param kind Its kind.
   * @param object The object; its resourceVersion is set here.
   * @returns The new version.
   */
  apply(kind: KubeKind, object: ApiObject): number {
    const version = ++this.#version;
    const after = new StoredObject(kind, object).at(version);
    const before = this.#objects[kind].get(after.key);
    this.#objects[kind].set(after.key, after);
    this.#changed({ version, kind, after, ...(before === undefined ? {} : { before }) });
    return version;
  }

  /**
   * Deletes an object.
   *
   * @param kind Its kind.
   * @param namespace "" for a Node and a ServiceCIDR.
   * @param name Its name.
   * @returns Whether it was there.
   */
  remove(kind: KubeKind, namespace: string, name: string): boolean {
    const key = `${namespace}/${name}`;
    const before = this.#objects[kind].get(key);
    if (before === undefined) return false;
    this.#objects[kind].delete(key);
    const version = ++this.#version;
    this.#changed({ version, kind, before: before.at(version) });
    return true;
  }

  /**
   * The objects of a kind.
   *
   * @param kind The kind.
   * @returns All of them, in the order of their keys.
   */
  list(kind: KubeKind): StoredObject[] {
    const objects = [...this.#objects[kind].values()];
    return objects.sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
  }

  /**
   * The changes of a kind.
   *
   * @param kind The kind.
   * @param version They come after this one.
   * @returns The changes, oldest first.
   */
  since(kind: KubeKind, version: number): StoreChange[] {
    return this.#history.filter((change) => change.kind === kind && change.version > version);
  }

  /** Forgets the history, as etcd's compaction and a full watch cache do. */
  compact(): void {
    this.#history = [];
    this.#oldest = this.#version;
  }

  /**
   * Sets the version back, as etcd's restoration from a backup does.
   *
   * @param version The version to go on from.
   */
  restore(version: number): void {
    this.#version = version;
    this.#history = [];
    this.#oldest = version;
  }

  /**
   * Tells of changes from now on.
   *
   * @param listener Called after each change.
   * @returns Call it to be told no more.
   */
  listen(listener: (change: StoreChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #changed(change: StoreChange): void {
    this.#history.push(change);
    for (const listener of this.#listeners) listener(change);
  }
}
