/**
 * A folder of manifests as a source of objects: the embedded default, which needs no cluster.
 *
 * @module
 */
import type { Log } from "../../../schemas/capability.ts";
import { messageOf, WeirError } from "../../../schemas/errors.ts";
import type { KubeKind, KubeObject, Source, SourceEvent } from "../../../schemas/kube.ts";
import { type Clock, systemClock } from "../../clock.ts";
import { loadFile } from "./file.ts";
import { type FileContent, type Look, look, sameLook } from "./folder.ts";
import { EMPTY_SHELF, type FileVersion, restock, type Shelf, type ShelvedFile } from "./shelf.ts";
import { Bell, FolderWatch } from "../../folder_watch.ts";

/** How a {@linkcode manifestsSource} is made. */
export interface ManifestsOptions {
  /** The folder's path; its files `*.yaml`, `*.yml` and `*.json` are read, its subfolders not. */
  readonly directory: string;
  /** Told of faults, recoveries and kinds that are ignored. */
  readonly log: Log;
  /** The system's when absent. */
  readonly clock?: Clock;
  /**
   * Milliseconds between two looks that must see the same before it counts, 50 when absent: a
   * file that is being written or replaced is neither half read nor taken for deleted.
   */
  readonly settleTime?: number;
  /** Milliseconds between looks when nothing has rung, 5,000 when absent: inotify misses some. */
  readonly pollInterval?: number;
}

const KINDS: readonly KubeKind[] = ["Service", "EndpointSlice", "Node", "ServiceCIDR"];

/** How often a folder that never stands still is looked at before it is taken as it is. */
const MOST_LOOKS = 20;

function removal(object: KubeObject, at: number): SourceEvent {
  const namespace = "namespace" in object ? object.namespace : "";
  return { type: "remove", kind: object.kind, namespace, name: object.name, at };
}

/** What has changed from one set of objects to the next: removals, then upserts, sorted by key. */
function compare(
  former: ReadonlyMap<string, KubeObject>,
  next: ReadonlyMap<string, KubeObject>,
  at: number,
): SourceEvent[] {
  const removed = [...former.keys()].filter((key) => !next.has(key)).sort();
  const changed = [...next.keys()].filter((key) =>
    former.get(key)?.resourceVersion !== next.get(key)?.resourceVersion
  ).sort();
  return [
    ...removed.flatMap((key) => {
      const object = former.get(key);
      return object === undefined ? [] : [removal(object, at)];
    }),
    ...changed.flatMap((key): SourceEvent[] => {
      const object = next.get(key);
      return object === undefined ? [] : [{ type: "upsert", object, at }];
    }),
  ];
}

function versionOf(name: string, content: FileContent, former: FileVersion | undefined) {
  const { digest } = content;
  if (former?.digest === digest) return former;
  if (!content.ok) {
    const message = `Cannot load manifest "${name}": it cannot be read: ${content.reason}`;
    return { ok: false, digest, error: new WeirError("WEIR_MANIFEST_FILE", message) } as const;
  }
  try {
    return { ok: true, digest, loaded: loadFile(name, content.bytes) } as const;
  } catch (thrown) {
    const error = thrown instanceof WeirError ? thrown : new WeirError(
      "WEIR_MANIFEST_FILE",
      `Cannot load manifest "${name}": ${messageOf(thrown)}`,
      {
        cause: thrown,
      },
    );
    return { ok: false, digest, error } as const;
  }
}

/** One run of the source: what it knows, from the first look to the abort. */
class Run {
  readonly #options: Required<ManifestsOptions>;
  readonly #deliver: (events: readonly SourceEvent[]) => void;
  readonly #signal: AbortSignal;
  readonly #bell = new Bell();
  readonly #watch: FolderWatch;
  #shelf: Shelf = EMPTY_SHELF;
  #settled: Look | undefined;
  #synced = false;

  constructor(
    options: Required<ManifestsOptions>,
    deliver: (events: readonly SourceEvent[]) => void,
    signal: AbortSignal,
  ) {
    this.#options = options;
    this.#deliver = deliver;
    this.#signal = signal;
    this.#watch = new FolderWatch(
      options.directory,
      options.clock,
      () => this.#bell.ring(),
    );
  }

  async run(): Promise<void> {
    const { clock, pollInterval } = this.#options;
    try {
      while (!this.#signal.aborted) {
        const seen = await this.#lookUntilSettled();
        if (this.#signal.aborted) break;
        if (seen !== undefined) this.#take(seen);
        await this.#bell.wait(clock, pollInterval, this.#signal);
      }
    } finally {
      await this.#watch.close();
    }
  }

  /** @returns What there is now, or undefined when it is what was settled before. */
  async #lookUntilSettled(): Promise<Look | undefined> {
    const { clock, settleTime } = this.#options;
    let seen = await this.#look();
    if (this.#settled !== undefined && sameLook(this.#settled, seen)) return undefined;
    for (let looks = 1; looks < MOST_LOOKS; looks++) {
      await new Promise<void>((resolve) => clock.after(settleTime, resolve));
      const again = await this.#look();
      if (sameLook(seen, again)) return again;
      seen = again;
    }
    return seen;
  }

  /** The watch is set up first: what happens after it rings, what happened before it is seen. */
  async #look(): Promise<Look> {
    const { directory } = this.#options;
    const seen = await look(directory);
    const renewed = await this.#watch.ensure(seen.there ? seen.identity : undefined);
    return renewed ? await look(directory) : seen;
  }

  #take(seen: Look): void {
    const { directory, log, clock } = this.#options;
    const wasThere = this.#settled?.there;
    if (!seen.there) {
      this.#settled = seen;
      const state = `${seen.reason}; what was loaded stays in force`;
      log.error(`Cannot read manifests folder "${directory}": ${state}`);
      return;
    }
    if (wasThere === false) log.info("Manifests folder can be read again", { directory });
    const versions = new Map(this.#shelf.files.map((file) => [file.name, file.version]));
    const files = [...seen.files].map(([name, content]) => ({
      name,
      version: versionOf(name, content, versions.get(name)),
    }));
    // Only digests are compared from here on; the bytes need not be kept.
    const light = new Map(
      [...seen.files].map(([name, { digest }]) =>
        [name, { ok: false, digest, reason: "" }] as const
      ),
    );
    this.#settled = { ...seen, files: light };
    const former = this.#shelf;
    this.#shelf = restock(former, files);
    this.#report(former, this.#shelf);
    const at = clock.now();
    const events = compare(former.objects, this.#shelf.objects, at);
    if (!this.#synced) events.push(...KINDS.map((kind) => ({ type: "synced", kind, at } as const)));
    this.#synced = true;
    if (events.length > 0) this.#deliver(events);
  }

  /** Tells of each file what is new about it. */
  #report(former: Shelf, next: Shelf): void {
    const known = new Map(former.files.map((file) => [file.name, file]));
    for (const file of next.files) this.#reportFile(known.get(file.name), file);
  }

  #reportFile(former: ShelvedFile | undefined, file: ShelvedFile): void {
    const { log } = this.#options;
    if (file.error !== undefined) {
      if (file.error.message === former?.error?.message) return;
      const kept = file.inForce === undefined
        ? "none"
        : file.standing === "part"
        ? "the other objects, and the last good version of what is refused"
        : "last good version";
      return log.error(file.error.message, { code: file.error.code, inForce: kept });
    }
    if (former?.version.digest === file.version.digest && former.error === undefined) return;
    if (former?.error !== undefined) log.info("Manifest is good again", { file: file.name });
    const ignored = file.inForce?.ignored ?? [];
    if (ignored.length === 0) return;
    log.info("Manifest has kinds that are ignored", { file: file.name, kinds: ignored });
  }
}

/**
 * Makes a source of a folder: what `--manifests DIR` names. Files hold Services, EndpointSlices,
 * Nodes and ServiceCIDRs as `kubectl` writes them, in YAML of one or more documents or in JSON,
 * lists included. Nothing allocates addresses here, so a Service must have its clusterIP. An object
 * with a fault is refused whole, as a file is that does not parse, and its last good version stays
 * in force; while the folder is away everything does.
 *
 * @param options The folder, and what to tell.
 * @returns A source that delivers what changes, `synced` for all kinds after the first load.
 */
export function manifestsSource(options: ManifestsOptions): Source {
  const { clock = systemClock, settleTime = 50, pollInterval = 5_000 } = options;
  const complete = { ...options, clock, settleTime, pollInterval };
  return {
    run: (deliver, signal) => new Run(complete, deliver, signal).run(),
  };
}
