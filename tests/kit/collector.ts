/**
 * A collector that keeps what it is sent, and can be as bad as collectors are.
 *
 * @module
 */
import { decodeRequest, type ReceivedSpan } from "./collector_protocol.ts";

/** What becomes of a request. */
export type Manner =
  | { readonly type: "takes" }
  /** 503, and when to come again, in seconds. */
  | { readonly type: "refuses"; readonly retryAfter: number }
  /** Takes a request without so many of its spans. */
  | { readonly type: "rejects"; readonly spans: number; readonly message: string }
  /** What something else than a collector says. */
  | { readonly type: "answers"; readonly status: number; readonly body: string }
  /** No answer, ever. */
  | { readonly type: "hangs" }
  /** An answer that goes on for ever. */
  | { readonly type: "dribbles" };

/** What a request was, besides its spans. */
export interface ReceivedRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What is wrong with it; undefined when it is as it should be. */
  readonly fault: string | undefined;
}

/** How a collector is started. */
export interface CollectorOptions {
  /** 0 for any that is free. */
  readonly port?: number;
  /** Certificate and key, PEM: then it speaks TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** An ExportTraceServiceResponse of protobuf with nothing but a partial success, both below 128. */
function partialSuccess(rejected: number, message: string): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(message);
  return new Uint8Array([0x0a, text.length + 4, 0x08, rejected, 0x12, text.length, ...text]);
}

/** A byte every few milliseconds. */
function dribble(until: Promise<unknown>): ReadableStream<Uint8Array> {
  let timer: ReturnType<typeof setInterval> | undefined;
  return new ReadableStream({
    start: (controller) => {
      timer = setInterval(() => controller.enqueue(new Uint8Array([10])), 20);
      void until.then(() => {
        clearInterval(timer);
        controller.close();
      }).catch(() => {});
    },
    cancel: () => clearInterval(timer),
  });
}

/** The collector. */
export class Collector implements AsyncDisposable {
  /** What becomes of requests from now on. */
  manner: Manner = { type: "takes" };
  readonly #requests: ReceivedRequest[] = [];
  readonly #spans: ReceivedSpan[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #scheme: string;
  readonly #ended = Promise.withResolvers<Response>();
  #news = Promise.withResolvers<void>();

  /** @param options Where, and whether with TLS. */
  constructor({ port = 0, tls }: CollectorOptions = {}) {
    this.#scheme = tls === undefined ? "http" : "https";
    const options = { hostname: "127.0.0.1", port, onListen: () => {} };
    const handler = (request: Request) => this.#answer(request);
    this.#server = tls === undefined
      ? Deno.serve(options, handler)
      : Deno.serve({ ...options, ...tls }, handler);
  }

  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Everything that was asked of it. */
  get requests(): readonly ReceivedRequest[] {
    return this.#requests;
  }

  /** All spans that it took. */
  get spans(): readonly ReceivedSpan[] {
    return this.#spans;
  }

  /**
   * Waits for requests.
   *
   * @param enough Looked at after each.
   * @throws {Error} After ten seconds, or when a request was not as OTLP has it.
   */
  async until(enough: () => boolean): Promise<void> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new Error(`the collector has ${this.#spans.length} spans, not enough`)),
      10_000,
    );
    try {
      for (;;) {
        const fault = this.#requests.find((request) => request.fault !== undefined)?.fault;
        if (fault !== undefined) throw new Error(fault);
        if (enough()) return;
        await Promise.race([this.#news.promise, late.promise]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.resolve(new Response(null, { status: 503 }));
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname: path } = new URL(request.url);
    const headers = Object.fromEntries(request.headers);
    const contentType = headers["content-type"] ?? "";
    try {
      const spans = await this.#read(request, path, contentType);
      if (this.manner.type === "takes") this.#spans.push(...spans);
      this.#note({ path, headers, fault: undefined });
    } catch (thrown) {
      this.#note({ path, headers, fault: String(thrown) });
      return new Response(null, { status: 400 });
    }
    switch (this.manner.type) {
      case "takes":
        return new Response(contentType === "application/json" ? "{}" : new Uint8Array(), {
          headers: { "Content-Type": contentType },
        });
      case "refuses":
        return new Response(null, {
          status: 503,
          headers: { "Retry-After": String(this.manner.retryAfter) },
        });
      case "rejects":
        return contentType === "application/json"
          ? Response.json({
            partialSuccess: {
              rejectedSpans: String(this.manner.spans),
              errorMessage: this.manner.message,
            },
          })
          : new Response(partialSuccess(this.manner.spans, this.manner.message), {
            headers: { "Content-Type": contentType },
          });
      case "answers":
        return new Response(this.manner.body, { status: this.manner.status });
      case "dribbles":
        return new Response(dribble(this.#ended.promise));
      case "hangs":
        return await this.#ended.promise;
    }
  }

  async #read(request: Request, path: string, contentType: string): Promise<ReceivedSpan[]> {
    const encoding = request.headers.get("content-encoding");
    if (request.method !== "POST") throw new Error(`${request.method} is not POST`);
    if (path !== "/v1/traces") throw new Error(`${path} is not /v1/traces`);
    if (encoding !== null && encoding !== "gzip") throw new Error(`encoding ${encoding}`);
    const { body } = request;
    if (body === null) throw new Error("the request has no body");
    const stream = encoding === null ? body : body.pipeThrough(new DecompressionStream("gzip"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    return decodeRequest(bytes, contentType);
  }

  #note(request: ReceivedRequest): void {
    this.#requests.push(request);
    const { resolve } = this.#news;
    this.#news = Promise.withResolvers();
    resolve();
  }
}
