/**
 * The sandbox's end of the wire: answers the host's calls with a plugin's handlers.
 *
 * @module
 */
import type { CallMethod, CallParams } from "../../schemas/calls.ts";
import type { Invoke, Log } from "../../schemas/capability.ts";
import { ERROR_CODES, type ErrorCode, messageOf, WeirError } from "../../schemas/errors.ts";
import { encodeFrame, type Fill, type Frame, FrameReader } from "../../schemas/frame.ts";
import type { Grants, NodeFeatures, PluginManifest } from "../../schemas/manifest.ts";
import type {
  CallMessage,
  ErrorMessage,
  GrantMessage,
  HelloMessage,
  HostMessage,
  PluginMessage,
  ResultMessage,
} from "../../schemas/wire.ts";
import { wireLog } from "./log.ts";
import { type ConntrackClient, conntrackClient } from "./conntrack.ts";
import { type Metric, wireMetric } from "./metric.ts";
import { type NftClient, nftClient } from "./nft/client.ts";
import type { Transaction } from "./nft/transaction.ts";
import { type SysctlClient, sysctlClient } from "./sysctl.ts";
import { CallSpans, type Trace } from "./trace.ts";
import { unpackParams } from "../../schemas/packing.ts";

/** The plugin's stdin and stdout, which the bootstrap keeps from everyone else. */
export interface Pipe {
  /** Reads what the host sent. */
  readonly fill: Fill;
  /** Writes all of the bytes before it returns. */
  readonly write: (bytes: Uint8Array) => void;
  /** Collects garbage as soon as the process has had nothing to do for a moment. */
  readonly collectSoon: () => void;
}

/** Everything a handler can be given; which of it is there, the grant decides. */
export interface GivenCapabilities {
  readonly log: Log;
  readonly metric: Metric;
  readonly trace: Trace;
  readonly features: NodeFeatures;
  readonly nft?: NftClient;
  readonly conntrack?: ConntrackClient;
  readonly sysctl?: SysctlClient;
}

/** A plugin's handlers by call; what they return becomes the call's result. */
export type Handlers = {
  readonly [Method in CallMethod]?: (
    params: CallParams[Method],
    caps: GivenCapabilities,
  ) => unknown;
};

/** The host's frames are trusted: its header may be as large as a whole snapshot. */
const HOST_FRAMES = { frameBytes: 2 ** 32 - 1, headerBytes: 2 ** 32 - 1 };
/** From this size on a frame leaves garbage that is worth collecting at once. */
const LARGE_BYTES = 256 * 1024;
const TEXT_LENGTH = 8 * 1024;
const decoder = new TextDecoder();

interface Pending {
  resolve(result: { readonly value: unknown; readonly attachment: Uint8Array }): void;
  reject(error: WeirError): void;
}

function errorCode(code: string): ErrorCode {
  return code in ERROR_CODES ? code as ErrorCode : "WEIR_PLUGIN_FAILED";
}

type Send = (message: PluginMessage, attachment?: Uint8Array) => void;

function sender(pipe: Pipe): Send {
  return (message, attachment) => {
    for (const piece of encodeFrame(message, attachment)) pipe.write(piece);
  };
}

class Server {
  readonly #handlers: Handlers;
  readonly #send: Send;
  readonly #pipe: Pipe;
  readonly #grants: Grants;
  readonly #basic: Omit<GivenCapabilities, "trace">;
  readonly #pending = new Map<number, Pending>();
  #invocations = 0;
  #running = 0;
  #litter = false;

  constructor(
    handlers: Handlers,
    send: Send,
    pipe: Pipe,
    grants: Grants,
    features: NodeFeatures,
  ) {
    this.#handlers = handlers;
    this.#send = send;
    this.#pipe = pipe;
    this.#grants = grants;
    this.#basic = { features, log: wireLog(send), metric: wireMetric(send) };
  }

  receive(frame: Frame): void {
    const message = JSON.parse(decoder.decode(frame.header)) as HostMessage;
    if (frame.header.length > LARGE_BYTES) this.#litter = true;
    switch (message.type) {
      case "call":
        void this.#answer(message);
        break;
      case "ping":
        this.#send({ type: "pong", id: message.id });
        break;
      case "result":
      case "error":
        this.#settle(message, frame.attachment);
        break;
    }
  }

  async #answer({ id, method, params, traceparent }: CallMessage): Promise<void> {
    this.#running++;
    const spans = new CallSpans(id, traceparent, this.#send, () => performance.now());
    // Before the handler, which may not give the thread back for long.
    this.#send({ type: "ack", id });
    try {
      const handler = this.#handlers[method] as
        | ((params: unknown, caps: GivenCapabilities) => unknown)
        | undefined;
      if (handler === undefined) throw new Error(`there is no handler for ${method}`);
      const open = new Set<Transaction>();
      const given = this.#capabilities(id, spans, open);
      const value = await handler(unpackParams(method, params), given) ?? null;
      if ([...open].some(({ empty }) => !empty)) {
        given.log.warn("A transaction was begun and not committed", { handler: method });
      }
      this.#send({ type: "return", id, value, ...spans.announced });
    } catch (thrown) {
      this.#send({ type: "throw", id, error: report(thrown), ...spans.announced });
    }
    // Behind the answer, which the sync waits for.
    spans.flush();
    this.#running--;
    if (this.#litter && this.#running === 0) {
      this.#litter = false;
      this.#pipe.collectSoon();
    }
  }

  #capabilities(
    call: number,
    spans: CallSpans,
    open: Set<Transaction>,
  ): GivenCapabilities {
    const { nft, conntrack, sysctl } = this.#grants;
    const invoke = this.#invoke(call, spans);
    return {
      ...this.#basic,
      trace: spans.trace,
      ...(nft === undefined ? {} : { nft: nftClient(nft, invoke, open) }),
      ...(conntrack === undefined ? {} : { conntrack: conntrackClient(invoke) }),
      ...(sysctl === undefined ? {} : { sysctl: sysctlClient(sysctl, invoke) }),
    };
  }

  #invoke(call: number, spans: CallSpans): Invoke {
    return (capability, method, params, attachment) =>
      new Promise((resolve, reject) => {
        const id = ++this.#invocations;
        this.#pending.set(id, { resolve, reject });
        if (attachment !== undefined && attachment.length > LARGE_BYTES) this.#litter = true;
        const span = spans.current === undefined ? {} : { span: spans.current };
        this.#send({ type: "invoke", id, call, capability, method, params, ...span }, attachment);
      });
  }

  #settle(message: ResultMessage | ErrorMessage, attachment: Uint8Array): void {
    const pending = this.#pending.get(message.id);
    if (pending === undefined) return;
    this.#pending.delete(message.id);
    if (message.type === "result") pending.resolve({ value: message.value, attachment });
    else {
      const cause = message.data;
      pending.reject(new WeirError(errorCode(message.code), message.message, { cause }));
    }
  }
}

/** What a sandbox has taken away, or never had: V8 says only that it is not defined. */
const ABSENT =
  /^(Deno|process|require|fetch|WebSocket|EventSource|Worker|localStorage)\b.* is not defined$/;

function wordsOf(thrown: unknown): string {
  const message = messageOf(thrown);
  return thrown instanceof ReferenceError && ABSENT.test(message)
    ? `${message}: a sandbox has no files, network, environment or processes; a plugin reaches ` +
      "the node by its capabilities"
    : message;
}

function report(thrown: unknown): { code: string; message: string; stack: string } {
  const stack = thrown instanceof Error ? thrown.stack ?? "" : "";
  return {
    code: thrown instanceof WeirError ? thrown.code : "",
    message: wordsOf(thrown).slice(0, TEXT_LENGTH),
    stack: stack.slice(0, TEXT_LENGTH),
  };
}

async function handshakeMessage(reader: FrameReader): Promise<HostMessage | null> {
  const frame = await reader.next();
  return frame === null ? null : JSON.parse(decoder.decode(frame.header)) as HostMessage;
}

/**
 * Runs a plugin until the host closes the pipe.
 *
 * @param manifest What the plugin says of itself.
 * @param handlers What answers the host's calls.
 * @param pipe The wire.
 * @returns Settles when the host has closed the pipe, or after a refused handshake.
 * @throws {WeirError} WEIR_PLUGIN_PROTOCOL when the pipe ends inside a frame.
 */
export async function serve(
  manifest: PluginManifest,
  handlers: Handlers,
  pipe: Pipe,
): Promise<void> {
  const reader = new FrameReader((into) => pipe.fill(into), HOST_FRAMES);
  const send = sender(pipe);
  const hello = await handshakeMessage(reader) as HelloMessage | null;
  if (hello === null) return;
  if (!hello.api.includes(manifest.api)) {
    const reason = `plugin "${manifest.name}" ${manifest.version} speaks api ${manifest.api}`;
    return send({ type: "refuse", reason });
  }
  send({ type: "welcome", manifest });
  const grant = await handshakeMessage(reader) as GrantMessage | null;
  if (grant === null) return;
  const server = new Server(handlers, send, pipe, grant.grants, hello.node);
  // Each frame has a scope of its own: a variable of this loop would keep the last snapshot alive
  // while it waits for the next one.
  const step = async (): Promise<boolean> => {
    const frame = await reader.next();
    if (frame !== null) server.receive(frame);
    return frame !== null;
  };
  while (await step());
}
