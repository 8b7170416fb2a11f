/**
 * Keeps up with one kind of objects: lists them, watches from there, and when the watch cannot go
 * on, lists again and delivers the difference. The model is client-go's Reflector.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { Log } from "../../../schemas/capability.ts";
import { messageOf, WeirError } from "../../../schemas/errors.ts";
import type { SourceEvent } from "../../../schemas/kube.ts";
import { ApiError, failureOf, isExpired, isTooLarge } from "./api_error.ts";
import { Backoff } from "./backoff.ts";
import type { ApiClient } from "./client.ts";
import type { Decoder, ListPage, ListReader, WatchEvent } from "./decoder.ts";
import { lengthFrames, lineFrames } from "./frames.ts";
import { KnownObjects } from "./known.ts";
import { requestPath, type Resource } from "./resource.ts";
import { sleep } from "../../sleep.ts";
import type { Silence } from "../silence.ts";

/** What a reflector stands on. */
export interface ReflectorOptions {
  readonly resource: Resource;
  readonly client: Pick<ApiClient, "get">;
  readonly decoders: { readonly json: Decoder; readonly protobuf: Decoder };
  readonly clock: Clock;
  /** From 0 to just below 1, uniformly. */
  readonly random: () => number;
  readonly log: Log;
  /** Told when nothing is heard, and why; undefined when something is again, and at the end. */
  readonly silent?: (silence: Silence | undefined) => void;
  /** Receives batches in order. */
  readonly deliver: (events: readonly SourceEvent[]) => void;
}

/**
 * What to do next. A list "from cache" takes anything that is not older than what is known; a list
 * "from etcd" takes the truth, in pages.
 */
type Step =
  | { readonly type: "list"; readonly from: "cache" | "etcd" }
  | { readonly type: "watch" };

/** Objects per page of a list. Source: client-go `defaultPageSize`. */
const PAGE = 500;
/** Seconds that a watch lasts: from this to twice this. Source: client-go `minWatchTimeout`. */
const WATCH_SECONDS = 300;
/** Milliseconds after its time at which a watch's connection is taken for dead. */
const GRACE = 30_000;
/**
 * Milliseconds without a byte after which a list's connection is taken for dead; only a watch may
 * be silent. The API server itself gives a list up after 60 s.
 */
const SILENCE = 70_000;
/** The most milliseconds to stay away because a server asks for it: a proxy may ask for days. */
const LONGEST_ASKED = 120_000;
/**
 * Milliseconds, and up to as many again, between two attempts at a resource that the API server
 * does not have or does not allow: that changes with an upgrade, or when somebody reads the log.
 */
const WITHHELD = 300_000;
/** A watch shorter than this many milliseconds counts as a failure, or it would be a busy loop. */
const SHORTEST_WATCH = 1000;

/** The list and watch of one resource. */
export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #backoff: Backoff;
  readonly #known: KnownObjects;
  #synced = false;
  /** Everything up to this version is delivered; "0" stands for any version. */
  #version = "0";
  /** Why nothing is heard, as a word to compare; "" while all is well. */
  #away = "";
  #awaySince = 0;

  /**
   * @param options What it stands on.
   */
  constructor(options: ReflectorOptions) {
    this.#options = options;
    this.#backoff = new Backoff({ now: () => options.clock.now(), random: options.random });
    this.#known = new KnownObjects(options.resource.kind, ({ error }) => {
      options.log.warn(error.message, { effect: "skipped; a last good version stays" });
    });
  }

  /**
   * Runs until the signal aborts. Failures are waited out and reported once each time their kind
   * changes.
   *
   * @param signal Ends it.
   * @returns Settles after the last request has ended.
   */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#keepUp(signal);
    } finally {
      this.#options.silent?.(undefined);
    }
  }

  async #keepUp(signal: AbortSignal): Promise<void> {
    let step: Step = { type: "list", from: "cache" };
    while (!signal.aborted) {
      try {
        step = step.type === "list"
          ? await this.#list(step.from === "etcd" ? "" : this.#version, signal)
          : await this.#watch(signal);
      } catch (error) {
        if (signal.aborted) return;
        step = stepAfter(step, error);
        this.#report(error);
        await sleep(this.#options.clock, this.#pause(error), signal);
      }
    }
  }

  /** Milliseconds until the next attempt. */
  #pause(error: unknown): number {
    const delay = this.#backoff.next();
    if (isWithheld(error, this.#options.resource)) {
      return WITHHELD * (1 + this.#options.random());
    }
    const asked = error instanceof ApiError ? Math.min(error.retryAfter, LONGEST_ASKED) : 0;
    return Math.max(delay, asked);
  }

  async #list(resourceVersion: string, signal: AbortSignal): Promise<Step> {
    const { clock, deliver, resource } = this.#options;
    const pages = await this.#pages(resourceVersion, signal);
    const at = clock.now();
    this.#version = pages.at(-1)?.resourceVersion ?? this.#version;
    const events = this.#known.replace(pages, at);
    if (!this.#synced) events.push({ type: "synced", kind: resource.kind, at });
    this.#synced = true;
    this.#recovered();
    if (events.length > 0) deliver(events);
    return { type: "watch" };
  }

  async #pages(resourceVersion: string, signal: AbortSignal): Promise<readonly ListPage[]> {
    // The watch cache answers a list "not older than" a version only if it has no limit; with "0"
    // it ignores the limit. Source: client-go `pager`, KEP-2340.
    const limit = resourceVersion === "" || resourceVersion === "0" ? String(PAGE) : undefined;
    const first = resourceVersion === "" ? undefined : resourceVersion;
    let pages = [await this.#page({ limit, resourceVersion: first }, signal)];
    try {
      for (let token = pages.at(-1)?.continue ?? ""; token !== "";) {
        const page = await this.#page({ limit, continue: token }, signal);
        pages.push(page);
        token = page.continue;
      }
    } catch (error) {
      if (!isExpired(error)) throw error;
      // The token is older than etcd's compaction: the rest would be of another time than the
      // pages that are here. One whole list cannot expire midway.
      pages = [await this.#page({ resourceVersion: first }, signal)];
    }
    return pages;
  }

  async #page(
    parameters: Readonly<Record<string, string | undefined>>,
    signal: AbortSignal,
  ): Promise<ListPage> {
    const { client, clock, decoders, resource } = this.#options;
    const path = requestPath(resource, parameters);
    const request = new AbortController();
    const answer = await client.get(path, AbortSignal.any([signal, request.signal]));
    const body = audible(answer.body, clock, (error) => request.abort(error));
    const page = await pageOf(body, decoders[answer.encoding].reader(), path);
    if (page.resourceVersion === "") {
      throw new WeirError("WEIR_DECODE", `Cannot use list "${path}": it has no resourceVersion`);
    }
    return page;
  }

  async #watch(signal: AbortSignal): Promise<Step> {
    const { clock, log, resource } = this.#options;
    const seconds = WATCH_SECONDS + Math.floor(this.#options.random() * WATCH_SECONDS);
    const path = requestPath(resource, {
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: this.#version,
      timeoutSeconds: String(seconds),
    });
    const started = clock.now();
    const request = new AbortController();
    const abort = () => request.abort();
    signal.addEventListener("abort", abort);
    // A server that is gone without a word (a node that lost power) never ends the watch itself.
    const deadline = sleep(clock, seconds * 1000 + GRACE, request.signal).then(abort);
    const heard = { events: 0 };
    try {
      await this.#follow(path, started, heard, request.signal);
    } catch (error) {
      const broken = error instanceof BrokenBody || request.signal.aborted && !signal.aborted;
      if (!broken) throw error;
      log.debug(`The watch of ${resource.plural} broke off`, { reason: messageOf(error) });
    } finally {
      signal.removeEventListener("abort", abort);
      request.abort();
      await deadline;
    }
    if (signal.aborted) return { type: "watch" };
    const lasted = clock.now() - started;
    if (lasted < SHORTEST_WATCH) throw earlyEnd(resource.plural, lasted);
    this.#recovered();
    // A watch from a version that the server has not reached is silent, even without bookmarks:
    // after etcd was restored from a backup it would stay silent for ever.
    if (heard.events === 0 && lasted >= seconds * 1000) return { type: "list", from: "cache" };
    return { type: "watch" };
  }

  /** Reads one watch to its end; how far it came is kept also when it throws. */
  async #follow(
    path: string,
    started: number,
    heard: { events: number },
    signal: AbortSignal,
  ): Promise<void> {
    const { client, clock, decoders, deliver } = this.#options;
    const answer = await client.get(path, signal);
    // After a watch that ended at once, only one that lasts is a recovery.
    if (this.#away !== EARLY) this.#recovered();
    const decoder = decoders[answer.encoding];
    const frames = answer.encoding === "protobuf" ? lengthFrames() : lineFrames();
    for await (const chunk of unbroken(answer.body)) {
      const at = clock.now();
      if (at - started >= SHORTEST_WATCH) this.#recovered();
      const batch: SourceEvent[] = [];
      try {
        for (const frame of frames.push(chunk)) {
          this.#hear(decoder.watchEvent(frame), path, batch, at);
          heard.events++;
        }
      } finally {
        if (batch.length > 0) deliver(batch);
      }
    }
  }

  #hear(event: WatchEvent, path: string, batch: SourceEvent[], at: number): void {
    switch (event.type) {
      case "bookmark":
        this.#version = event.resourceVersion || this.#version;
        return;
      case "error":
        throw new ApiError(
          `Cannot watch "${path.split("?")[0]}": ${event.status.message}`,
          failureOf(event.status, 500, ""),
        );
      default: {
        const change = this.#known.change(event, at);
        if (change !== undefined) batch.push(change);
        this.#version = versionOf(event) || this.#version;
      }
    }
  }

  #report(error: unknown): void {
    const { clock, log, resource, silent } = this.#options;
    if (isExpired(error) || isTooLarge(error)) {
      log.info(`Listing ${resource.plural} again`, { reason: messageOf(error) });
      return;
    }
    const reason = reasonOf(error);
    if (reason === this.#away) return;
    if (this.#away === "") this.#awaySince = clock.now();
    this.#away = reason;
    if (isWithheld(error, resource)) {
      log.info(messageOf(error), {
        remedy: remedy(error, resource),
        effect: resource.without ?? "",
      });
      return;
    }
    const what = { plural: resource.plural, reason: messageOf(error) };
    silent?.({ ...what, since: this.#awaySince, remedy: remedy(error, resource) });
    log.warn(messageOf(error), {
      remedy: remedy(error, resource),
      effect: "no rule changes until it is back",
    });
  }

  #recovered(): void {
    if (this.#away === "") return;
    this.#away = "";
    const { clock, log, resource, silent } = this.#options;
    silent?.(undefined);
    log.info(`Hearing of ${resource.plural} again`, {
      awaySeconds: Math.round((clock.now() - this.#awaySince) / 1000),
    });
  }
}

/** The word for a watch that ended at once. */
const EARLY = "early end";

function earlyEnd(plural: string, lasted: number): ApiError {
  return new ApiError(
    `Cannot watch "${plural}": the server ended the watch after ${Math.round(lasted)} ms`,
    { status: 0, reason: EARLY, causes: [], retryAfter: 0 },
  );
}

/** The connection broke while a body was read. */
class BrokenBody extends Error {}

async function* unbroken(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  try {
    while (true) {
      const next = await chunks.next().catch((cause) => {
        throw new BrokenBody(messageOf(cause), { cause });
      });
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await chunks.return?.();
  }
}

/** A body whose request is given up when nothing comes for a while. */
async function* audible(
  body: AsyncIterable<Uint8Array>,
  clock: Clock,
  giveUp: (error: Error) => void,
): AsyncIterable<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  try {
    while (true) {
      const cancel = clock.after(
        SILENCE,
        () => giveUp(new Error(`the server was silent for ${SILENCE / 1000} s`)),
      );
      const next = await chunks.next().finally(cancel);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await chunks.return?.();
  }
}

/** Decodes a list while it comes, so that other things get their turn between its pieces. */
async function pageOf(
  body: AsyncIterable<Uint8Array>,
  reader: ListReader,
  path: string,
): Promise<ListPage> {
  try {
    for await (const chunk of body) reader.push(chunk);
    return reader.end();
  } catch (error) {
    if (error instanceof WeirError) throw error;
    throw new ApiError(
      `Cannot read list "${path.split("?")[0]}": ${messageOf(error)}`,
      { status: 0, reason: "broken", causes: [], retryAfter: 0 },
      error,
    );
  }
}

function versionOf(
  event: Extract<WatchEvent, { readonly type: "upsert" | "malformed" | "remove" }>,
): string {
  switch (event.type) {
    case "upsert":
      return event.object.resourceVersion;
    case "malformed":
      return event.malformed.resourceVersion;
    case "remove":
      return event.resourceVersion;
  }
}

/** Where to go on after a failure: what the API server's refusals mean. */
function stepAfter(step: Step, error: unknown): Step {
  if (step.type === "list") {
    // Another server of the cluster may be behind, or ahead of a history that is gone: ask etcd.
    return isExpired(error) || isTooLarge(error) ? { type: "list", from: "etcd" } : step;
  }
  // Nothing wrong with the version: no connection, no permission, or too much load.
  const versionStands = error instanceof ApiError
    ? [0, 401, 403, 404, 429, 503].includes(error.status)
    : error instanceof WeirError && error.code === "WEIR_CREDENTIALS";
  return versionStands ? step : { type: "list", from: "cache" };
}

/** Tells whether the API server, healthy as it is, will not tell of something that can be missed. */
function isWithheld(error: unknown, resource: Resource): boolean {
  return resource.without !== undefined && error instanceof ApiError &&
    (error.status === 403 || error.status === 404);
}

function reasonOf(error: unknown): string {
  if (error instanceof ApiError) return error.status === 0 ? error.reason : String(error.status);
  return error instanceof WeirError ? error.code : messageOf(error);
}

/** What whoever reads the log can do. */
function remedy(error: unknown, resource: Resource): string {
  const group = resource.group === "" ? '""' : resource.group;
  if (!(error instanceof ApiError)) {
    return error instanceof WeirError && error.code === "WEIR_CREDENTIALS"
      ? "mend the kubeconfig or the service account; it is read again at each attempt"
      : "report this as a bug of weir or of the API server";
  }
  switch (error.status) {
    case 0:
      return "check that the API server runs and that this node reaches it";
    case 401:
      return "the credentials are refused even when fresh; check the token or the certificate";
    case 403:
      return `allow the verbs list and watch on ${resource.plural} of the API group ${group}, ` +
        "for example by a ClusterRoleBinding to system:node-proxier";
    case 404:
      return resource.group === ""
        ? "check the server's URL: this is no Kubernetes API server"
        : resource.without === undefined
        ? `the server has no ${group}/v1; Kubernetes 1.21 or later is needed`
        : `Kubernetes 1.33 or later has ${resource.plural}`;
    case 429:
      return "the API server is overloaded; nothing to do but wait";
    default:
      return error.status >= 500
        ? "look at the API server's own log"
        : "report this as a bug of weir";
  }
}
