/**
 * The source in force, and how another takes its place: the new one lists first, and what is known
 * of the old one stays until then.
 *
 * @module
 */
import { WeirError } from "../../schemas/errors.ts";
import type { KubeKind, KubeObject, Node, Source, SourceEvent } from "../../schemas/kube.ts";
import type { Clock } from "../clock.ts";
import type { Prepared } from "../prepared.ts";

/** What a feed stands on. */
export interface FeedOptions {
  /** Takes events of the source in force; must not throw. */
  readonly deliver: (events: readonly SourceEvent[]) => void;
  /** Takes everything that another source has, in place of what is known; must not throw. */
  readonly adopt: (objects: readonly KubeObject[]) => void;
  readonly clock: Clock;
}

/** Another source, listed. */
export interface PreparedSource extends Prepared {
  /**
   * Finds a Node in its listing.
   *
   * @param name The Node's name.
   * @returns The Node, or undefined when there is none.
   */
  node(name: string): Node | undefined;
}

/** What has to be listed. */
const KINDS: readonly KubeKind[] = ["Service", "EndpointSlice", "Node"];

/** Milliseconds for ServiceCIDRs after everything else: API servers before 1.33 have none. */
const GRACE_MS = 2_000;

/** Milliseconds for a listing: 100,000 Services over a slow line. */
const PATIENCE_MS = 60_000;

function keyOf(kind: KubeKind, namespace: string, name: string): string {
  return `${kind} ${namespace}/${name}`;
}

/** What a source has told so far. */
class Listing {
  readonly #objects = new Map<string, KubeObject>();
  readonly #synced = new Set<KubeKind>();

  get objects(): readonly KubeObject[] {
    return [...this.#objects.values()];
  }

  get missing(): readonly KubeKind[] {
    return KINDS.filter((kind) => !this.#synced.has(kind));
  }

  get complete(): boolean {
    return this.missing.length === 0 && this.#synced.has("ServiceCIDR");
  }

  accept(events: readonly SourceEvent[]): void {
    for (const event of events) {
      switch (event.type) {
        case "synced":
          this.#synced.add(event.kind);
          break;
        case "upsert": {
          const { object } = event;
          const namespace = "namespace" in object ? object.namespace : "";
          this.#objects.set(keyOf(object.kind, namespace, object.name), object);
          break;
        }
        case "remove":
          this.#objects.delete(keyOf(event.kind, event.namespace, event.name));
      }
    }
  }

  /** The source that fills it keeps it for as long as it runs. */
  clear(): void {
    this.#objects.clear();
  }

  node(name: string): Node | undefined {
    const object = this.#objects.get(keyOf("Node", "", name));
    return object?.kind === "Node" ? object : undefined;
  }
}

/** Runs one source at a time. */
export class Feed {
  readonly #options: FeedOptions;
  readonly #failed = Promise.withResolvers<void>();
  readonly #runs = new Set<Promise<void>>();
  #inForce: AbortController;

  /**
   * Runs the first source.
   *
   * @param source The first.
   * @param options Who takes what it delivers.
   */
  constructor(source: Source, options: FeedOptions) {
    this.#options = options;
    this.#inForce = new AbortController();
    const run = source.run(options.deliver, this.#inForce.signal);
    this.#keep(run);
    run.catch((thrown) => this.#failed.reject(thrown));
    this.#failed.promise.catch(() => {});
  }

  /** Never settles well; rejects when the first source cannot even be opened. */
  get failed(): Promise<void> {
    return this.#failed.promise;
  }

  /**
   * Lists another source beside the one in force.
   *
   * @param source The other one.
   * @returns It, following its changes.
   * @throws {WeirError} WEIR_API_SERVER when it has not listed everything in time, or whatever
   * opening it throws.
   */
  async prepare(source: Source): Promise<PreparedSource> {
    const { clock, deliver, adopt } = this.#options;
    const controller = new AbortController();
    const listing = new Listing();
    const listed = Promise.withResolvers<void>();
    let cancelGrace: (() => void) | undefined;
    let take = (events: readonly SourceEvent[]) => {
      listing.accept(events);
      if (listing.complete) listed.resolve();
      else if (listing.missing.length === 0) {
        cancelGrace ??= clock.after(GRACE_MS, listed.resolve);
      }
    };
    const run = source.run((events) => take(events), controller.signal);
    this.#keep(run);
    run.catch(listed.reject);
    const cancel = clock.after(PATIENCE_MS, () => {
      const missing = listing.missing.join(", ");
      listed.reject(
        new WeirError(
          "WEIR_API_SERVER",
          `Cannot list "${missing}" from the new source: it has not answered within ` +
            `${PATIENCE_MS / 1000} s; the reason is in the log before this`,
        ),
      );
    });
    try {
      await listed.promise;
    } catch (thrown) {
      controller.abort();
      throw thrown;
    } finally {
      cancel();
      cancelGrace?.();
    }
    return {
      node: (name) => listing.node(name),
      commit: () => {
        this.#inForce.abort();
        this.#inForce = controller;
        take = deliver;
        adopt(listing.objects);
        listing.clear();
      },
      abort: () => controller.abort(),
    };
  }

  /**
   * Ends whatever runs.
   *
   * @returns Settles when everything is closed. Never rejects.
   */
  async stop(): Promise<void> {
    this.#inForce.abort();
    await Promise.allSettled(this.#runs);
  }

  #keep(run: Promise<void>): void {
    this.#runs.add(run);
    run.catch(() => {}).finally(() => this.#runs.delete(run));
  }
}
