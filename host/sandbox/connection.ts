/**
 * The host's end of the wire to one running sandbox: handshake, calls with deadlines, the
 * plugin's invocations of capabilities, and every reason to kill it.
 *
 * @module
 */
import * as v from "valibot";
import {
  CALL_DEADLINES_MS,
  CALL_RESULTS,
  type CallMethod,
  type CallParams,
  type CallResult,
  KIND_METHODS,
} from "../../schemas/calls.ts";
import type { Log } from "../../schemas/capability.ts";
import { type ErrorCode, messageOf, WeirError } from "../../schemas/errors.ts";
import { encodeFrame, type Frame, FrameReader } from "../../schemas/frame.ts";
import type { InspectorMethod, InspectorParams } from "../../schemas/inspection.ts";
import type { Grants, PluginManifest } from "../../schemas/manifest.ts";
import { packParams } from "../../schemas/packing.ts";
import type { HostMessage, PluginMessage } from "../../schemas/wire.ts";
import type { TraceSpan } from "../telemetry/trace.ts";
import { Admission } from "./admission.ts";
import { CallTrace } from "./call_trace.ts";
import type { Observe } from "./event.ts";
import { greet, type Handshake, type HandshakeOptions } from "./handshake.ts";
import { Inspections } from "./inspections.ts";
import { Invocations } from "./invocations.ts";
import { Liveness } from "./liveness.ts";
import { type Sandbox, UNFIT_CODE } from "./process.ts";

/** Why a sandbox is gone. */
export interface Death {
  readonly code: ErrorCode;
  /** For people: the cause and the end of stderr. */
  readonly reason: string;
}

/** A call that has not returned yet. */
export interface CallUnderWay {
  readonly method: CallMethod;
  /** Milliseconds of the clock. */
  readonly startedAt: number;
}

/** How one call is to be made. */
export interface CallOptions {
  /** Milliseconds until the plugin is killed; CALL_DEADLINES_MS of the method if left out. */
  readonly deadlineMs?: number;
  /** The span of the call, which its steps become children of. */
  readonly span?: TraceSpan;
}

/** What a connection stands on. */
export interface ConnectionOptions extends HandshakeOptions {
  readonly log: Log;
  readonly observe: Observe;
  /** Names places of the plugin's text by its sources; if left out they are as the plugin says. */
  readonly named?: (told: string) => Promise<string>;
  /** Whether V8's profilers answer in the sandbox; they do not if left out. */
  readonly inspectable?: boolean;
  /** The plugin's metrics so far, which its connections share: a new life brings no new room. */
  readonly series?: Set<string>;
}

interface PendingCall {
  readonly method: CallMethod;
  readonly startedAt: number;
  readonly trace: CallTrace | undefined;
  readonly large: boolean;
  readonly cancelDeadline: () => void;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: WeirError) => void;
  acknowledged: boolean;
}

/** From this size on a frame takes the plugin a while to read. */
const LARGE_BYTES = 1024 * 1024;

/** Handlers that tell and change nothing: a mistake in one is no reason to end what programs rules. */
const TELLING: readonly CallMethod[] = ["explain", "traffic"];

/** Bytes of a header that take as long to read as a small frame does: up to 40 µs. */
const WORK_BYTES = 512;
/**
 * Frames after which everyone else has a turn: those that are there already are read without one,
 * and a flood within the limits must not hold up the host.
 */
const WORK_AT_ONCE = 500;

/** A connection to a plugin that has been granted its capabilities. */
export class Connection {
  /** What the plugin says of itself. */
  readonly manifest: PluginManifest;
  /** What it may do. */
  readonly grants: Grants;
  /** The process id. */
  readonly pid: number;
  /** Settles when the process is gone. */
  readonly ended: Promise<Death>;

  readonly #sandbox: Sandbox;
  readonly #options: ConnectionOptions;
  readonly #admission: Admission;
  readonly #liveness: Liveness;
  readonly #invocations: Invocations;
  readonly #inspections: Inspections;
  readonly #calls = new Map<number, PendingCall>();
  /** The call whose answer said that its last spans are the next frame. */
  #told: { readonly id: number; readonly trace: CallTrace | undefined } | undefined;
  #lastCall = 0;
  #lastPing = 0;
  #pingOwed = false;
  #cancelTick: () => void = () => {};
  #death: Death | undefined;

  private constructor(
    sandbox: Sandbox,
    reader: FrameReader,
    admission: Admission,
    handshake: Handshake,
    options: ConnectionOptions,
  ) {
    this.#sandbox = sandbox;
    this.#options = options;
    this.pid = sandbox.pid;
    this.manifest = handshake.manifest;
    this.grants = handshake.grants;
    this.#admission = admission;
    this.#liveness = new Liveness(options.limits);
    this.#invocations = new Invocations({
      ...options,
      capabilities: handshake.capabilities,
      answer: (message, attachment) => this.#send(message, attachment),
      kill: (code, reason) => this.#die(code, reason),
    });
    const read = this.#read(reader);
    this.#inspections = new Inspections({
      plugin: handshake.manifest.name,
      inspectable: options.inspectable ?? false,
      limits: options.limits,
      clock: options.clock,
      write: (frame) => void this.#write([frame]),
    });
    void sandbox.flooded.then(() => this.#die("WEIR_PLUGIN_PROTOCOL", "it floods stderr"));
    this.#scheduleTick();
    this.ended = sandbox.exited.then(async (exit) => {
      // What it said last is still in the pipe, and tells more than that it is gone.
      await read;
      const how = exit.signal === null
        ? `it ended by itself with exit code ${exit.code}`
        : `it was ended by ${exit.signal}`;
      this.#die("WEIR_PLUGIN_DIED", how);
      for (const capability of handshake.capabilities.values()) capability.close();
      const { code, reason } = this.#death ?? { code: "WEIR_PLUGIN_DIED", reason: how };
      return { code, reason: reason + await lastSaid(sandbox, options) };
    });
  }

  /**
   * Greets a sandbox and grants it what its manifest and the policy agree on.
   *
   * @param sandbox Just started; it is killed when the handshake fails.
   * @param options What the connection stands on.
   * @returns The open connection.
   * @throws {WeirError} WEIR_PLUGIN_REFUSED when either side refuses, WEIR_PLUGIN_LOAD when its code
   * is at fault (starting again cannot help), WEIR_PLUGIN_TIMEOUT, WEIR_PLUGIN_PROTOCOL or WEIR_PLUGIN_DIED otherwise.
   */
  static async open(sandbox: Sandbox, options: ConnectionOptions): Promise<Connection> {
    try {
      const reader = new FrameReader((into) => sandbox.fill(into), {
        frameBytes: options.limits.pluginFrameBytes,
        headerBytes: options.limits.pluginHeaderBytes,
      });
      const admission = new Admission(options.limits, options.clock, options.series);
      const handshake = await greet(sandbox, reader, admission, options);
      return new Connection(sandbox, reader, admission, handshake, options);
    } catch (thrown) {
      sandbox.kill();
      const exit = await sandbox.exited;
      if (!(thrown instanceof WeirError)) throw thrown;
      const said = await lastSaid(sandbox, options);
      if (exit.code === UNFIT_CODE) {
        const message = `Cannot start plugin "${options.reference}": its code is at fault${said}`;
        throw new WeirError("WEIR_PLUGIN_LOAD", message, { cause: thrown });
      }
      throw new WeirError(thrown.code, thrown.message + said, { cause: thrown });
    }
  }

  /**
   * Calls a handler.
   *
   * @param method The call.
   * @param params Its parameters.
   * @param options Deadline and trace context.
   * @returns The handler's result, validated.
   * @throws {WeirError} WEIR_PLUGIN_FAILED when the handler threw; its `cause` has the code,
   * message and stack from inside. WEIR_PLUGIN_TIMEOUT, WEIR_PLUGIN_PROTOCOL,
   * WEIR_GRANT_EXCEEDED or WEIR_PLUGIN_DIED when the plugin is gone.
   */
  call<Method extends CallMethod>(
    method: Method,
    params: CallParams[Method],
    options: CallOptions = {},
  ): Promise<CallResult<Method>> {
    const { clock, limits } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    if (this.#death !== undefined) {
      return Promise.reject(this.#error(this.#death.code, method, this.#death.reason));
    }
    if (!KIND_METHODS[this.manifest.kind].includes(method)) {
      const state = `a ${this.manifest.kind} has no such handler`;
      return Promise.reject(this.#error("WEIR_PLUGIN_FAILED", method, state));
    }
    const id = ++this.#lastCall;
    const { deadlineMs = CALL_DEADLINES_MS[method], span } = options;
    const encodingAt = clock.now();
    const pieces = encodeFrame({
      type: "call",
      id,
      method,
      params: packParams(method, params),
      deadlineMs,
      ...(span === undefined ? {} : { traceparent: span.traceparent }),
    });
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (bytes > limits.hostFrameBytes) {
      const state = `its parameters have ${bytes} bytes, the limit is ${limits.hostFrameBytes}`;
      return Promise.reject(this.#error("WEIR_PLUGIN_FAILED", method, state));
    }
    const cancelDeadline = clock.after(deadlineMs, () => {
      const state = `${method} has not returned within its deadline of ${deadlineMs} ms`;
      this.#die("WEIR_PLUGIN_TIMEOUT", state);
    });
    span?.set({ "weir.plugin": this.manifest.name });
    const trace = span === undefined
      ? undefined
      : new CallTrace({ span, limits, now: () => clock.now() }, { startedAt: encodingAt, bytes });
    this.#calls.set(id, {
      method,
      startedAt: clock.now(),
      trace,
      large: bytes > LARGE_BYTES,
      cancelDeadline,
      resolve,
      reject,
      acknowledged: false,
    });
    void this.#write(pieces);
    this.#scheduleTick();
    return promise as Promise<CallResult<Method>>;
  }

  /** The calls that have not returned yet. */
  get underWay(): readonly CallUnderWay[] {
    return [...this.#calls.values()].map(({ method, startedAt }) => ({ method, startedAt }));
  }

  /**
   * Gives V8's profilers in the plugin's process a command, which its bootstrap carries out.
   *
   * @param method The command.
   * @param params Its parameters.
   * @returns What V8 answers; hostile until it has passed a schema.
   * @throws {WeirError} WEIR_PROFILE when there is no answer in time or none at all.
   */
  inspect(method: InspectorMethod, params: InspectorParams): Promise<unknown> {
    return this.#inspections.post(method, params);
  }

  /**
   * Ends the plugin: closes its stdin, and kills it if it is not gone after a moment.
   *
   * @returns Settles when the process is gone.
   */
  async stop(): Promise<void> {
    this.#death ??= { code: "WEIR_PLUGIN_DIED", reason: "it was stopped" };
    this.#rejectCalls(this.#death);
    this.#cancelTick();
    this.#sandbox.end();
    const cancel = this.#options.clock.after(
      this.#options.limits.stopMs,
      () => this.#sandbox.kill(),
    );
    await this.ended;
    cancel();
  }

  #die(code: ErrorCode, reason: string): void {
    if (this.#death !== undefined) return;
    this.#death = { code, reason };
    this.#cancelTick();
    this.#sandbox.kill();
    this.#rejectCalls(this.#death);
  }

  #rejectCalls({ code, reason }: Death): void {
    this.#inspections.end(reason);
    this.#told?.trace?.ended();
    this.#told = undefined;
    for (const call of this.#calls.values()) {
      this.#finish(call, code);
      call.reject(this.#error(code, call.method, reason));
    }
    this.#calls.clear();
  }

  #finish(call: PendingCall, outcome: "ok" | ErrorCode, told?: { readonly id: number }): void {
    call.cancelDeadline();
    if (told === undefined) call.trace?.ended();
    else {
      call.trace?.answered();
      this.#told = { id: told.id, trace: call.trace };
    }
    const { method, startedAt, trace } = call;
    const traceparent = trace?.traceparent;
    const endedAt = this.#options.clock.now();
    this.#options.observe({ type: "call", method, startedAt, endedAt, outcome, traceparent });
  }

  #error(code: ErrorCode, method: CallMethod, state: string, cause?: unknown): WeirError {
    const message = `Cannot ${method} by plugin "${this.manifest.name}": ${state}`;
    return new WeirError(code, message, { cause });
  }

  #scheduleTick(): void {
    this.#cancelTick();
    if (this.#death !== undefined) return;
    const { clock, limits } = this.#options;
    const waiting = this.#pingOwed || this.#calls.size > 0;
    const ms = waiting ? this.#liveness.tickMs : limits.heartbeatMs;
    this.#cancelTick = clock.after(ms, () => this.#tick(waiting));
  }

  /** Looks after the plugin; one that was waited for and owes nothing any more is left alone. */
  #tick(waiting: boolean): void {
    const calls = [...this.#calls.values()];
    const owed = this.#pingOwed || calls.some((call) => !call.acknowledged);
    const busy = calls.some((call) => call.acknowledged || call.large);
    const silentMs = this.#liveness.tick({ owed, busy });
    if (silentMs !== undefined) {
      this.#die("WEIR_PLUGIN_TIMEOUT", `it hangs: no sign of life for ${Math.round(silentMs)} ms`);
      return;
    }
    if (!this.#pingOwed && (calls.length > 0 || !waiting)) {
      this.#pingOwed = true;
      void this.#send({ type: "ping", id: ++this.#lastPing });
    }
    this.#scheduleTick();
  }

  async #write(pieces: readonly Uint8Array[]): Promise<void> {
    if (this.#death !== undefined) return;
    // All pieces are queued before anyone else's.
    await Promise.all(pieces.map((piece) => {
      this.#options.observe({ type: "frame", direction: "sent", bytes: piece.length });
      return this.#sandbox.write(piece);
    }));
  }

  async #send(message: HostMessage, attachment?: Uint8Array): Promise<void> {
    await this.#write(encodeFrame(message, attachment));
  }

  async #read(reader: FrameReader): Promise<void> {
    let done = 0;
    try {
      for (;;) {
        const frame = await reader.next();
        if (frame === null || this.#death !== undefined) return;
        this.#liveness.hear();
        const bytes = frame.header.length + frame.attachment.length;
        this.#options.observe({ type: "frame", direction: "received", bytes });
        const work = 1 + frame.header.length / WORK_BYTES;
        this.#receive(this.#admission.admit(frame), frame);
        // Spans behind an answer are mostly here with it, and whoever waits for it comes first.
        if ((done += work) < WORK_AT_ONCE && this.#told === undefined) continue;
        done = 0;
        await new Promise<void>((resume) => void this.#options.clock.after(0, resume));
      }
    } catch (thrown) {
      const code = thrown instanceof WeirError ? thrown.code : "WEIR_PLUGIN_PROTOCOL";
      this.#die(code, messageOf(thrown));
    }
  }

  #receive(message: PluginMessage, { header, attachment }: Frame): void {
    if (this.#told !== undefined) {
      const { id, trace } = this.#told;
      if (message.type !== "spans" || message.call !== id) {
        throw broken(`${message.type}: the spans of call ${id} are due`);
      }
      this.#told = undefined;
      trace?.told(message, header.length);
      trace?.ended();
      return;
    }
    switch (message.type) {
      case "ack": {
        const call = this.#calls.get(message.id);
        if (call === undefined || call.acknowledged) throw broken(`ack of ${message.id}`);
        call.acknowledged = true;
        call.trace?.acknowledged();
        break;
      }
      case "return":
      case "throw":
        this.#settle(message);
        break;
      case "pong":
        if (!this.#pingOwed || message.id !== this.#lastPing) throw broken(`pong ${message.id}`);
        this.#pingOwed = false;
        break;
      case "inspected":
        if (!this.#inspections.settle(message, attachment)) throw broken(`answer ${message.id}`);
        break;
      case "invoke":
        void this.#invocations.run(
          message,
          attachment,
          this.#calls.get(message.call)?.trace,
        );
        break;
      case "spans":
        // Of a call without a trace, or one that is over, nobody wants to know.
        this.#calls.get(message.call)?.trace?.told(message, header.length);
        break;
      case "log":
        this.#admission.log(message, this.#options.log, this.manifest.name);
        break;
      case "metric":
        if (this.#admission.admitsMetric(message)) this.#options.observe(message);
        break;
      case "welcome":
      case "refuse":
        throw broken(`${message.type} after the handshake`);
    }
  }

  #settle(message: Extract<PluginMessage, { type: "return" | "throw" }>): void {
    const call = this.#calls.get(message.id);
    if (call === undefined || !call.acknowledged) {
      throw broken(`${message.type} for call ${message.id}, which is not in progress`);
    }
    if (message.type === "throw") {
      this.#calls.delete(message.id);
      this.#finish(call, "WEIR_PLUGIN_FAILED", message.spans && message);
      const { error } = message;
      void named(error.stack, this.#options).then((stack) => {
        const cause = { ...error, stack };
        call.reject(this.#error("WEIR_PLUGIN_FAILED", call.method, error.message, cause));
      });
      return;
    }
    const result = v.safeParse(CALL_RESULTS[call.method], message.value, {
      abortEarly: true,
    });
    if (!result.success) {
      const [issue] = result.issues;
      const returned = `returned ${v.getDotPath(issue) ?? "a value"}: ${issue.message}`;
      if (!TELLING.includes(call.method)) throw broken(`${call.method} ${returned}`);
      this.#calls.delete(message.id);
      this.#finish(call, "WEIR_PLUGIN_FAILED", message.spans && message);
      call.reject(this.#error("WEIR_PLUGIN_FAILED", call.method, `it ${returned}`));
      return;
    }
    this.#calls.delete(message.id);
    this.#finish(call, "ok", message.spans && message);
    call.resolve(result.output);
  }
}

/** Names the places in what a plugin said, or leaves it as it is: a call must be settled by it. */
async function named(told: string, options: ConnectionOptions): Promise<string> {
  try {
    return await options.named?.(told) ?? told;
  } catch {
    // It is made of the plugin's own text.
    return told;
  }
}

/** What a plugin that is gone has written to stderr, ready to stand behind the reason. */
async function lastSaid(sandbox: Sandbox, options: ConnectionOptions): Promise<string> {
  const stderr = sandbox.stderr();
  return stderr === "" ? "" : `; stderr: ${await named(stderr, options)}`;
}

function broken(what: string): WeirError {
  return new WeirError("WEIR_PLUGIN_PROTOCOL", `Cannot accept message: ${what}`);
}
