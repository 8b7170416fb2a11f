/**
 * What a reflector remembers of the objects it delivered: their keys and versions, so that after a
 * gap it can tell what is new and what is gone.
 *
 * @module
 */
import type { KubeKind, KubeObject, SourceEvent } from "../../../schemas/kube.ts";
import type { ListPage, Malformed, WatchEvent } from "./decoder.ts";
import { namespaceOf } from "./slim.ts";

/** No namespace holds a slash, and "" stands for none. */
function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** Versions are compared only where there are some. */
function isKnown(delivered: string | undefined, told: string): boolean {
  return told !== "" && delivered === told;
}

function removal(kind: KubeKind, key: string, at: number): SourceEvent {
  const slash = key.indexOf("/");
  return { type: "remove", kind, namespace: key.slice(0, slash), name: key.slice(slash + 1), at };
}

/**
 * The delivered objects of one kind. Of a malformed object the last good version stays in place
 * until the object is mended or deleted.
 */
export class KnownObjects {
  readonly #kind: KubeKind;
  readonly #complain: (malformed: Malformed) => void;
  /** Key → version, of what was delivered. */
  #delivered = new Map<string, string>();
  /** Key → version, of what was complained about: once for each version. */
  #malformed = new Map<string, string>();

  /**
   * @param kind The kind.
   * @param complain Called once for each version of an object that cannot be used.
   */
  constructor(kind: KubeKind, complain: (malformed: Malformed) => void) {
    this.#kind = kind;
    this.#complain = complain;
  }

  /**
   * Takes a complete list.
   *
   * @param pages All pages of the list.
   * @param at When it arrived, in milliseconds since the epoch.
   * @returns New and changed objects, then removals of what is not listed.
   */
  replace(pages: readonly ListPage[], at: number): SourceEvent[] {
    const events: SourceEvent[] = [];
    const listed = new Map<string, string>();
    for (const object of pages.flatMap((page) => page.objects)) {
      const key = keyOf(namespaceOf(object), object.name);
      if (!isKnown(this.#delivered.get(key), object.resourceVersion)) {
        events.push({ type: "upsert", object, at });
      }
      listed.set(key, object.resourceVersion);
    }
    const before = this.#malformed;
    this.#malformed = new Map();
    for (const malformed of pages.flatMap((page) => page.malformed)) {
      const key = keyOf(malformed.namespace, malformed.name);
      if (before.get(key) !== malformed.resourceVersion) this.#complain(malformed);
      this.#malformed.set(key, malformed.resourceVersion);
      const version = this.#delivered.get(key);
      if (version !== undefined) listed.set(key, version);
    }
    for (const key of this.#delivered.keys()) {
      if (!listed.has(key)) events.push(removal(this.#kind, key, at));
    }
    this.#delivered = listed;
    return events;
  }

  /**
   * Takes an event of a watch.
   *
   * @param event An object's event.
   * @param at When it arrived, in milliseconds since the epoch.
   * @returns What to deliver, if anything.
   */
  change(
    event: Extract<WatchEvent, { readonly type: "upsert" | "malformed" | "remove" }>,
    at: number,
  ): SourceEvent | undefined {
    switch (event.type) {
      case "upsert":
        return this.#upsert(event.object, at);
      case "malformed": {
        const { malformed } = event;
        const key = keyOf(malformed.namespace, malformed.name);
        if (this.#malformed.get(key) !== malformed.resourceVersion) this.#complain(malformed);
        this.#malformed.set(key, malformed.resourceVersion);
        return undefined;
      }
      case "remove": {
        const key = keyOf(event.namespace, event.name);
        this.#malformed.delete(key);
        return this.#delivered.delete(key) ? removal(this.#kind, key, at) : undefined;
      }
    }
  }

  #upsert(object: KubeObject, at: number): SourceEvent | undefined {
    const key = keyOf(namespaceOf(object), object.name);
    this.#malformed.delete(key);
    if (isKnown(this.#delivered.get(key), object.resourceVersion)) return undefined;
    this.#delivered.set(key, object.resourceVersion);
    return { type: "upsert", object, at };
  }
}
