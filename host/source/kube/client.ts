/**
 * Asks the API server: HTTP/1.1 by undici, with a rate limit, credentials and readable failures.
 *
 * @module
 */
import { lookup } from "node:dns";
import type { LookupFunction } from "node:net";
import { type Dispatcher, Pool } from "undici";
import type { Credentials, CredentialSource } from "../../../schemas/credentials.ts";
import { messageOf, WeirError } from "../../../schemas/errors.ts";
import type { Clock } from "../../clock.ts";
import { ApiError, failureOf } from "./api_error.ts";
import { concatenated } from "../../bytes.ts";
import type { ObserveClient } from "./client_event.ts";
import { jsonStatus } from "./decode_json.ts";
import { protobufStatus } from "./decode_protobuf.ts";
import type { TokenBucket } from "./rate_limit.ts";

/** The media type of protobuf. */
export const PROTOBUF = "application/vnd.kubernetes.protobuf";

/** A successful answer. */
export interface ApiAnswer {
  /** `protobuf` or `json`, by the answer's Content-Type. */
  readonly encoding: "protobuf" | "json";
  /** The server's clock, as its header Date has it; "" without one. */
  readonly date: string;
  /** The body as it comes; to be read to its end, or the request's signal aborted. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Asks the API server. */
export interface ApiClient {
  /**
   * Sends a GET.
   *
   * @param path Path and query.
   * @param signal Ends the request, and the answer's body.
   * @returns The answer, its body not yet read.
   * @throws {ApiError} WEIR_API_SERVER when there is no answer or one that is no success.
   * @throws {WeirError} WEIR_CREDENTIALS when there are no credentials.
   */
  get(path: string, signal: AbortSignal): Promise<ApiAnswer>;
  /**
   * Sends a POST of JSON, for reviews: nothing of what they ask is kept.
   *
   * @param path Path and query.
   * @param body What to send.
   * @param signal Ends the request, and the answer's body.
   * @returns The answer, its body not yet read.
   * @throws {ApiError} WEIR_API_SERVER when there is no answer or one that is no success.
   * @throws {WeirError} WEIR_CREDENTIALS when there are no credentials.
   */
  post(path: string, body: object, signal: AbortSignal): Promise<ApiAnswer>;
  /**
   * Closes all connections.
   *
   * @returns Settles when they are closed.
   */
  close(): Promise<void>;
}

/** A request; without a body it is a GET. */
interface Asked {
  readonly path: string;
  readonly body: object | undefined;
}

const JSON_HEADERS = { "accept": "application/json", "content-type": "application/json" };

/** Settings of an {@linkcode ApiClient}. */
export interface ApiClientOptions {
  readonly credentials: CredentialSource;
  readonly limit: TokenBucket;
  /**
   * The encoding to ask for, as `--kube-api-content-type`. With protobuf, JSON is accepted too:
   * aggregated servers may have nothing else.
   */
  readonly contentType: string;
  /** The Accept header in place of the one for `contentType`; none when absent or "". */
  readonly acceptContentTypes?: string;
  /** For example `weir/0.1.0`. */
  readonly userAgent: string;
  /** Says how long a failure's body is waited for, and how long things took. */
  readonly clock: Clock;
  /** Told of each request. */
  readonly observe?: ObserveClient;
}

/** Milliseconds until a connection must stand. */
const CONNECT_TIMEOUT = 10_000;
/**
 * Milliseconds until an answer must begin, and the body of a failure end: the API server itself
 * gives up after 60 s.
 */
const ANSWER_TIMEOUT = 70_000;
/** Milliseconds without traffic after which TCP asks whether the server is there. */
const KEEP_ALIVE_DELAY = 30_000;
/** The longest body of a failure that is read, in bytes. */
const LONGEST_FAILURE = 64 * 1024;

/** The codes by which TLS says that it does not trust the other side. */
const TLS_FAULT = /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH)/;

/**
 * Makes a client.
 *
 * @param options Credentials, rate and encoding.
 * @returns The client, not yet connected.
 */
export function apiClient(options: ApiClientOptions): ApiClient {
  const byDefault = options.contentType === PROTOBUF
    ? `${PROTOBUF}, application/json`
    : options.contentType;
  const accept = options.acceptContentTypes || byDefault;
  const { clock, observe = () => {} } = options;
  const closing: Promise<void>[] = [];
  let pool: { readonly identity: string; readonly pool: Pool } | undefined;

  /** The pool for these credentials. A pool for others drains: its watches go on until they end. */
  function poolFor(credentials: Credentials): Pool {
    const identity = JSON.stringify([credentials.server, credentials.tls]);
    const result = pool?.identity === identity ? "hit" : "miss";
    observe({ type: "transport", result, entries: 1 });
    if (pool?.identity === identity) return pool.pool;
    if (pool !== undefined) closing.push(pool.pool.close().catch(() => {}));
    pool = { identity, pool: poolOf(credentials, timedLookup(clock, observe)) };
    return pool.pool;
  }

  async function send(
    asked: Asked,
    credentials: Credentials,
    signal: AbortSignal,
  ) {
    const { host } = new URL(credentials.server);
    try {
      const response = await sendOnce(asked, credentials, signal);
      observe({ type: "answer", host, code: String(response.statusCode) });
      return response;
    } catch (error) {
      if (!signal.aborted) observe({ type: "answer", host, code: "<error>" });
      throw error;
    }
  }

  async function sendOnce(
    { path, body }: Asked,
    credentials: Credentials,
    signal: AbortSignal,
  ) {
    // A server behind a proxy such as Rancher has a path of its own.
    const prefix = new URL(credentials.server).pathname.replace(/\/$/, "");
    try {
      return await poolFor(credentials).request({
        method: body === undefined ? "GET" : "POST",
        path: prefix + path,
        signal,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        headers: {
          ...(body === undefined ? { accept } : JSON_HEADERS),
          "user-agent": options.userAgent,
          ...(credentials.authorization === undefined
            ? {}
            : { authorization: credentials.authorization }),
        },
      });
    } catch (error) {
      if (signal.aborted) throw error;
      throw unreachable(credentials.server, error);
    }
  }

  async function answer(asked: Asked, signal: AbortSignal): Promise<ApiAnswer> {
    const { path } = asked;
    const askedAt = clock.now();
    await options.limit.take(signal);
    const waited = clock.now() - askedAt;
    signal.throwIfAborted();
    const credentials = await options.credentials.current(signal);
    const { host } = new URL(credentials.server);
    observe({ type: "limited", host, milliseconds: waited });
    const startedAt = clock.now();
    let response = await send(asked, credentials, signal).catch(async (error) => {
      // A rotated authority or client certificate shows as a failed handshake.
      if (error instanceof ApiError && TLS_FAULT.test(error.reason)) {
        await options.credentials.renew(credentials, signal);
      }
      throw error;
    });
    let body = await failureBody(response, options.clock);
    if (response.statusCode === 401) {
      const renewed = await options.credentials.renew(credentials, signal);
      if (renewed !== credentials) {
        observe({ type: "retry", host, code: "401" });
        response = await send(asked, renewed, signal);
        body = await failureBody(response, options.clock);
      }
    }
    const type = header(response.headers["content-type"]);
    const encoding = type.startsWith(PROTOBUF) ? "protobuf" : "json";
    const over = (bytes: number) =>
      observe({ type: "done", host, milliseconds: clock.now() - startedAt, bytes });
    if (body === undefined) {
      const whole = isWatch(path) ? response.body : measured(response.body, over);
      return { encoding, date: header(response.headers["date"]), body: whole };
    }
    over(body.length);
    const status = encoding === "protobuf" ? protobufStatus(body) : jsonStatus(body);
    const failure = failureOf(
      status,
      response.statusCode,
      header(response.headers["retry-after"]),
    );
    throw new ApiError(
      `Cannot ${asked.body === undefined ? "get" : "post to"} "${
        path.split("?")[0]
      }": ${response.statusCode} ${status.message || status.reason}`.trim(),
      failure,
    );
  }

  return {
    get: (path, signal) => answer({ path, body: undefined }, signal),
    post: (path, body, signal) => answer({ path, body }, signal),

    async close() {
      if (pool !== undefined) closing.push(pool.pool.destroy());
      pool = undefined;
      await Promise.all(closing);
    },
  };
}

function isWatch(path: string): boolean {
  return /[?&]watch=/.test(path);
}

/** Passes a body on and tells its size when it has been read to its end. */
async function* measured(
  body: AsyncIterable<Uint8Array>,
  over: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const part of body) {
    bytes += part.length;
    yield part;
  }
  over(bytes);
}

/** Looks names up as the system does, and tells how long it took. */
function timedLookup(clock: Clock, observe: ObserveClient): LookupFunction {
  return (host, options, callback) => {
    const startedAt = clock.now();
    lookup(host, options, (error, address, family) => {
      observe({ type: "lookup", host, milliseconds: clock.now() - startedAt });
      callback(error, address, family);
    });
  };
}

function poolOf({ server, tls }: Credentials, lookup: LookupFunction): Pool {
  try {
    return new Pool(new URL(server).origin, {
      // One connection for each watch and one for lists; HTTP/1.1 has one request at a time.
      connections: 8,
      allowH2: false,
      headersTimeout: ANSWER_TIMEOUT,
      // How long a watch may be silent is the reflector's to say.
      bodyTimeout: 0,
      connect: {
        timeout: CONNECT_TIMEOUT,
        lookup,
        keepAlive: true,
        keepAliveInitialDelay: KEEP_ALIVE_DELAY,
        rejectUnauthorized: !tls.insecure,
        ...(tls.ca === undefined ? {} : { ca: tls.ca }),
        ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
        ...(tls.key === undefined ? {} : { key: tls.key }),
        ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
      },
    });
  } catch (error) {
    throw new WeirError(
      "WEIR_CREDENTIALS",
      `Cannot use API server "${server}": ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** The innermost code says most: undici wraps the socket's error, Deno an AggregateError's parts. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return codeOf(error.cause) || code || error.name;
}

function unreachable(server: string, error: unknown): ApiError {
  const reason = codeOf(error);
  const message = messageOf(error) || reason;
  return new ApiError(
    `Cannot reach API server "${server}": ${message}`,
    { status: 0, reason, causes: [], retryAfter: 0 },
    error,
  );
}

function header(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? value[0] : value) ?? "";
}

/**
 * Reads the body of an answer that is no success, at once: one that nobody reads would hold its
 * connection for ever. Undefined when the answer is a success.
 */
async function failureBody(
  { statusCode, body }: Dispatcher.ResponseData,
  clock: Clock,
): Promise<Uint8Array | undefined> {
  // 201 is what a review gets, which is created and answered in one.
  if (statusCode === 200 || statusCode === 201) return undefined;
  const parts: Uint8Array[] = [];
  let length = 0;
  const cancel = clock.after(ANSWER_TIMEOUT, () => body.destroy());
  try {
    for await (const part of body) {
      parts.push(part);
      length += part.length;
      if (length > LONGEST_FAILURE) break;
    }
  } catch {
    // The connection broke within the failure's body: the HTTP status is told all the same.
  } finally {
    cancel();
  }
  return concatenated(parts);
}
