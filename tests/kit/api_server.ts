/**
 * A fake API server on loopback: Services, EndpointSlices, Nodes and ServiceCIDRs, to list and
 * watch in JSON and protobuf, with all the misfortunes that a client must survive.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import {
  API_RESOURCES,
  type ApiEncoding,
  type ApiResource,
  failureBody,
  type FailureStatus,
  type FakeWatchEvent,
  listBody,
  selectorOf,
  watchFrame,
} from "./api_answer.ts";
import { ApiStore, type StoreChange, type StoredObject } from "./api_store.ts";

const PROTOBUF = "application/vnd.kubernetes.protobuf";

/** Settings of a {@linkcode FakeApiServer}. */
export interface FakeApiServerOptions {
  /** Serve TLS with this certificate; ask clients for one of `clientCa`, if given. All PEM. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly clientCa?: string };
  /** The token without which requests are answered 401; anyone may come when absent. */
  readonly token?: string;
  /** `json` stands for a server that knows no protobuf. */
  readonly encodings?: "json" | "both";
  /**
   * Keeps the body of each whole list and sends it again while nothing has changed: for a
   * benchmark, which is to measure the client.
   */
  readonly keepLists?: boolean;
}

/** A request that came. */
export interface SeenRequest {
  /** When, in milliseconds since the epoch with a fraction. */
  readonly at: number;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly verb: "list" | "watch";
  readonly authorization: string;
  readonly accept: string;
}

/** How requests are to fail. */
export interface PlannedFailure {
  /** The HTTP status: 401, 403, 429, 500… */
  readonly status: number;
  /** How many requests; all until the next plan when absent. */
  readonly times?: number;
  /** Seconds for the Retry-After header. */
  readonly retryAfter?: number;
  /** Only requests with this verb. */
  readonly verb?: "list" | "watch";
  /** Only requests for this resource, by its plural as `servicecidrs`. */
  readonly plural?: string;
}

interface Watch {
  readonly resource: ApiResource;
  readonly bookmarks: boolean;
  readonly change: (change: StoreChange) => void;
  readonly send: (event: FakeWatchEvent) => void;
  readonly end: () => void;
}

interface Page {
  readonly version: number;
  readonly rest: readonly StoredObject[];
}

const REASONS: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  410: "Expired",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
};

const REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * The fake API server. Change its objects through {@linkcode FakeApiServer.store}, its mood through
 * the other members.
 */
export class FakeApiServer {
  /** Its objects. */
  readonly store = new ApiStore();
  /** Every request, in the order they came. */
  readonly requests: SeenRequest[] = [];
  /** Milliseconds before each answer begins. */
  delay = 0;
  /** Serve lists of version "0" in pages too, as a server without a watch cache does. */
  pageCachedLists = false;
  /** Answer 410 to every `continue` token, as after a compaction. */
  expireContinues = false;
  /** End each watch as soon as it begins. */
  endWatchesAtOnce = false;
  /** What a SelfSubjectAccessReview denies, as `watch services`; nothing else is kept from anyone. */
  readonly denied = new Set<string>();
  readonly #options: FakeApiServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #watches = new Set<Watch>();
  readonly #pages = new Map<string, Page>();
  /** Whole lists as they were sent last, by URL and encoding. */
  readonly #bodies = new Map<string, { readonly version: number; readonly body: Uint8Array }>();
  #port = 0;
  #failure: PlannedFailure | undefined;
  #failuresLeft = 0;

  private constructor(options: FakeApiServerOptions) {
    this.#options = options;
    const handle = (request: IncomingMessage, response: ServerResponse) => {
      setTimeout(() => this.#handle(request, response), this.delay);
    };
    const { tls } = options;
    this.#server = tls === undefined ? createServer(handle) : createTlsServer({
      cert: tls.certificate,
      key: tls.key,
      ...(tls.clientCa === undefined
        ? {}
        : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true }),
    }, handle);
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.store.listen((change) => this.#tell(change));
  }

  /**
   * Starts a server on a free port of 127.0.0.1.
   *
   * @param options TLS, token and encodings.
   * @returns The server, listening.
   */
  static async start(options: FakeApiServerOptions = {}): Promise<FakeApiServer> {
    const server = new FakeApiServer(options);
    await server.resume();
    return server;
  }

  /**
   * Where it listens.
   *
   * @returns For example `http://127.0.0.1:40001`.
   */
  get url(): string {
    return `${this.#options.tls === undefined ? "http" : "https"}://127.0.0.1:${this.#port}`;
  }

  /**
   * The open watches.
   *
   * @returns How many there are.
   */
  get watches(): number {
    return this.#watches.size;
  }

  /**
   * Listens again on the same port after {@linkcode FakeApiServer.pause}.
   *
   * @returns Settles when it listens.
   */
  async resume(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#port, "127.0.0.1", () => resolve());
    });
    const address = this.#server.address();
    if (typeof address === "object" && address !== null) this.#port = address.port;
  }

  /**
   * Goes away: all connections are cut and new ones are refused.
   *
   * @returns Settles when nothing listens any more.
   */
  async pause(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut();
    await closed;
  }

  /** Cuts all connections in the middle of whatever they do. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Ends all watches properly, as at the end of their time. */
  endWatches(): void {
    for (const watch of this.#watches) watch.end();
  }

  /** Sends a bookmark with the current version to every watch that asked for bookmarks. */
  bookmark(): void {
    for (const watch of this.#watches) {
      if (watch.bookmarks) watch.send({ type: "BOOKMARK", version: this.store.version });
    }
  }

  /**
   * Makes requests fail.
   *
   * @param failure How and how often; undefined ends an earlier plan.
   */
  fail(failure: PlannedFailure | undefined): void {
    this.#failure = failure;
    this.#failuresLeft = failure?.times ?? Infinity;
  }

  /**
   * Stops for good.
   *
   * @returns Settles when all connections are closed.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.pause();
  }

  #review(request: IncomingMessage, response: ServerResponse): void {
    const parts: Uint8Array[] = [];
    request.on("data", (part: Uint8Array) => parts.push(part));
    request.on("end", () => {
      const review = JSON.parse(new TextDecoder().decode(concatenated(parts)));
      const { verb, resource } = review.spec.resourceAttributes;
      const allowed = !this.denied.has(`${verb} ${resource}`);
      // The real one creates the review and answers it in one.
      sendJson(response, 201, { ...review, status: { allowed, reason: allowed ? "RBAC" : "" } });
    });
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", "http://fake");
    const query = Object.fromEntries(url.searchParams);
    const verb = query["watch"] === "true" || query["watch"] === "1" ? "watch" : "list";
    const accept = request.headers.accept ?? "";
    const authorization = request.headers.authorization ?? "";
    const at = performance.timeOrigin + performance.now();
    this.requests.push({ at, path: url.pathname, query, verb, authorization, accept });
    const encoding = accept.includes(PROTOBUF) && this.#options.encodings !== "json"
      ? "protobuf"
      : "json";
    const refuse = (failure: FailureStatus, retryAfter?: number) => {
      response.writeHead(failure.code, {
        "content-type": encoding === "json" ? "application/json" : PROTOBUF,
        ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }),
      });
      response.end(failureBody(failure, encoding));
    };
    const { token } = this.#options;
    if (token !== undefined && authorization !== `Bearer ${token}`) {
      return refuse({ code: 401, reason: "Unauthorized", message: "Unauthorized" });
    }
    const { method } = request;
    if (method === "POST" && url.pathname === REVIEWS) return this.#review(request, response);
    if (url.pathname === "/version") return sendJson(response, 200, { gitVersion: "v1.34.0" });
    const resource = API_RESOURCES[url.pathname];
    if (resource === undefined) {
      const message = "the server could not find the requested resource";
      return refuse({ code: 404, reason: "NotFound", message, details: {} });
    }
    const planned = this.#plannedFailure(verb, resource);
    if (planned !== undefined) {
      return refuse(failureFor(planned, verb, resource), planned.retryAfter);
    }
    const selects = selectorOf(query["labelSelector"] ?? "", query["fieldSelector"] ?? "");
    const version = Number(query["resourceVersion"] || "0");
    if (selects === undefined || !Number.isInteger(version)) {
      const message = "the selector or the version of the fake API server's request is not known";
      return refuse({ code: 400, reason: "BadRequest", message });
    }
    if (verb === "watch") this.#watch(resource, selects, version, query, encoding, response);
    else this.#list(resource, selects, version, query, encoding, response, refuse);
  }

  #plannedFailure(verb: "list" | "watch", resource: ApiResource): PlannedFailure | undefined {
    const planned = this.#failure;
    if (planned === undefined || this.#failuresLeft === 0) return undefined;
    if (planned.verb !== undefined && planned.verb !== verb) return undefined;
    if (planned.plural !== undefined && planned.plural !== resource.plural) return undefined;
    this.#failuresLeft--;
    return planned;
  }

  #list(
    resource: ApiResource,
    selects: (object: StoredObject) => boolean,
    version: number,
    query: Readonly<Record<string, string>>,
    encoding: ApiEncoding,
    response: ServerResponse,
    refuse: (failure: FailureStatus, retryAfter?: number) => void,
  ): void {
    if (version > this.store.version) {
      return refuse(tooLarge(version, this.store.version), 1);
    }
    const token = query["continue"];
    const head = { "content-type": encoding === "json" ? "application/json" : PROTOBUF };
    const name = `${encoding} ${resource.kind} ${new URLSearchParams(query)}`;
    const kept = this.#bodies.get(name);
    if (kept?.version === this.store.version) {
      response.writeHead(200, head);
      response.end(kept.body);
      return;
    }
    const page = token === undefined
      ? { version: this.store.version, rest: this.store.list(resource.kind).filter(selects) }
      : this.expireContinues
      ? undefined
      : this.#pages.get(token);
    if (page === undefined) return refuse(expiredContinue());
    const cached = token === undefined && query["resourceVersion"] === "0";
    const limit = cached && !this.pageCachedLists ? Infinity : Number(query["limit"] || Infinity);
    const rest = page.rest.slice(limit);
    const metadata: Record<string, unknown> = { resourceVersion: String(page.version) };
    if (rest.length > 0) {
      const next = btoa(`${page.version}/${rest[0]?.key}`);
      this.#pages.set(next, { version: page.version, rest });
      metadata["continue"] = next;
      metadata["remainingItemCount"] = rest.length;
    }
    const body = listBody(resource, page.rest.slice(0, limit), metadata, encoding);
    const whole = token === undefined && rest.length === 0;
    if (whole && this.#options.keepLists === true) {
      this.#bodies.set(name, { version: page.version, body });
    }
    response.writeHead(200, head);
    response.end(body);
  }

  #watch(
    resource: ApiResource,
    selects: (object: StoredObject) => boolean,
    version: number,
    query: Readonly<Record<string, string>>,
    encoding: ApiEncoding,
    response: ServerResponse,
  ): void {
    response.writeHead(200, {
      "content-type": encoding === "json" ? "application/json" : `${PROTOBUF};stream=watch`,
    });
    response.flushHeaders();
    // A watch from a version that is not there yet hears nothing, not even bookmarks.
    const future = version > this.store.version;
    const send = (event: FakeWatchEvent) => {
      if (!future) response.write(watchFrame(resource, event, encoding));
    };
    const change = (change: StoreChange) => {
      const event = eventOf(change, selects);
      if (event !== undefined) send(event);
    };
    const bookmarks = query["allowWatchBookmarks"] === "true" && !future;
    const end = () => {
      clearTimeout(timer);
      this.#watches.delete(watch);
      response.end();
    };
    const watch: Watch = { resource, bookmarks, change, send, end };
    const timer = setTimeout(() => {
      if (bookmarks) send({ type: "BOOKMARK", version: this.store.version });
      end();
    }, Number(query["timeoutSeconds"] || 1800) * 1000);
    this.#watches.add(watch);
    response.on("close", end);
    if (this.endWatchesAtOnce) return end();
    if (version !== 0 && version < this.store.oldest) {
      const message = `too old resource version: ${version} (${this.store.oldest})`;
      send({ type: "ERROR", failure: { code: 410, reason: "Expired", message } });
      return end();
    }
    if (version === 0) {
      const objects = this.store.list(resource.kind).filter(selects);
      for (const object of objects) send({ type: "ADDED", object });
    } else {
      for (const missed of this.store.since(resource.kind, version)) change(missed);
    }
  }

  #tell(change: StoreChange): void {
    for (const watch of this.#watches) {
      if (watch.resource.kind === change.kind) watch.change(change);
    }
  }
}

/** What a watch with a selector sees of a change: an object that leaves the selection is deleted. */
function eventOf(
  { version, before, after }: StoreChange,
  selects: (object: StoredObject) => boolean,
): FakeWatchEvent | undefined {
  const was = before !== undefined && selects(before);
  if (after !== undefined && selects(after)) {
    return { type: was ? "MODIFIED" : "ADDED", object: after };
  }
  return was ? { type: "DELETED", object: before.at(version) } : undefined;
}

function failureFor(
  { status, retryAfter }: PlannedFailure,
  verb: "list" | "watch",
  { group, plural }: ApiResource,
): FailureStatus {
  const message = status === 401
    ? "Unauthorized"
    : status === 403
    ? `${plural}${group === "" ? "" : `.${group}`} is forbidden: ` +
      `User "system:anonymous" cannot ${verb} resource "${plural}" ` +
      `in API group "${group}" at the cluster scope`
    : `the fake API server answers ${status}`;
  const details = status === 403
    ? { ...(group === "" ? {} : { group }), kind: plural }
    : retryAfter === undefined
    ? undefined
    : { retryAfterSeconds: retryAfter };
  return {
    code: status,
    reason: REASONS[status] ?? "Unknown",
    message,
    ...(details === undefined ? {} : { details }),
  };
}

function tooLarge(asked: number, current: number): FailureStatus {
  return {
    code: 504,
    reason: "Timeout",
    message: `Timeout: Too large resource version: ${asked}, current: ${current}`,
    details: {
      causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
      retryAfterSeconds: 1,
    },
  };
}

function expiredContinue(): FailureStatus {
  return {
    code: 410,
    reason: "Expired",
    message: "The provided continue parameter is too old to display a consistent list result. " +
      "You can start a new list without the continue parameter, or use the continue token in " +
      "this response to retrieve the remainder of the results. Continuing with the provided " +
      "token results in an inconsistent list - objects that were created, modified, or deleted " +
      "between the time the first chunk was returned and now may show up in the list.",
  };
}
