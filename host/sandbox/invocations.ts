/**
 * A plugin's use of the capabilities it was granted.
 *
 * @module
 */
import { type ErrorCode, messageOf, WeirError } from "../../schemas/errors.ts";
import type { ErrorMessage, Limits, PluginMessage, ResultMessage } from "../../schemas/wire.ts";
import type { BoundCapabilities } from "../broker.ts";
import type { Clock } from "../clock.ts";
import type { CallTrace } from "./call_trace.ts";
import type { Observe } from "./event.ts";

/** What invocations stand on. */
export interface InvocationOptions {
  readonly capabilities: BoundCapabilities;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly observe: Observe;
  /** Sends an answer to the plugin; settles when the plugin has read it or is gone. */
  readonly answer: (
    message: ResultMessage | ErrorMessage,
    attachment?: Uint8Array,
  ) => Promise<void>;
  /** Ends the plugin. */
  readonly kill: (code: ErrorCode, reason: string) => void;
}

/** Runs the invocations of one plugin. */
export class Invocations {
  readonly #options: InvocationOptions;
  #outstanding = 0;
  #bytes = 0;

  /** @param options What they stand on. */
  constructor(options: InvocationOptions) {
    this.#options = options;
  }

  /**
   * Runs one invocation and answers it. A plugin that asks for what it was not granted is ended:
   * a sound one never does, its SDK knows the grant.
   *
   * @param message From the plugin, validated but for its parameters.
   * @param attachment Its bulk bytes.
   * @param trace Of the call during which the plugin invoked.
   * @returns Settles when the plugin has read the answer, so that one that asks and does not read
   * fills its own limits and not the host's memory; never rejects.
   */
  async run(
    message: Extract<PluginMessage, { type: "invoke" }>,
    attachment: Uint8Array,
    trace: CallTrace | undefined,
  ): Promise<void> {
    const { capabilities, clock, limits, observe, answer, kill } = this.#options;
    const { id, capability, method, params } = message;
    const granted = capabilities.get(capability);
    if (granted === undefined) {
      const has = [...capabilities.keys()].join(", ") || "none";
      const reason = `it invoked the capability "${capability}", granted are: ${has}`;
      return kill("WEIR_GRANT_EXCEEDED", reason);
    }
    if (this.#outstanding >= limits.outstandingInvokes) {
      const reason = `more than ${limits.outstandingInvokes} invocations are unanswered`;
      return kill("WEIR_PLUGIN_PROTOCOL", reason);
    }
    if (!this.#hold(attachment.length)) return;
    let held = attachment.length;
    const startedAt = clock.now();
    const span = trace?.invoked(capability, method, attachment.length, message.span);
    const end = (outcome: "ok" | ErrorCode, thrown?: { readonly error: unknown }) => {
      span?.end(thrown);
      observe({
        type: "invoke",
        capability,
        method,
        bytes: attachment.length,
        startedAt,
        endedAt: clock.now(),
        outcome,
        traceparent: trace?.traceparent,
      });
    };
    this.#outstanding++;
    try {
      const result = await granted.invoke(method, params, attachment, span);
      end("ok");
      const more = result.attachment?.length ?? 0;
      if (!this.#hold(more)) return;
      held += more;
      await answer({ type: "result", id, value: result.value }, result.attachment);
    } catch (thrown) {
      const code = thrown instanceof WeirError ? thrown.code : "WEIR_PLUGIN_FAILED";
      end(code, { error: thrown });
      if (code === "WEIR_GRANT_EXCEEDED") return kill(code, messageOf(thrown));
      const cause = thrown instanceof WeirError ? thrown.cause : undefined;
      // An Error says nothing in JSON.
      const data = cause instanceof Error ? undefined : cause;
      await answer({ type: "error", id, code, message: messageOf(thrown), data });
    } finally {
      this.#outstanding--;
      this.#bytes -= held;
    }
  }

  /** Counts bytes that the host keeps for the plugin, or ends the plugin if they are too many. */
  #hold(bytes: number): boolean {
    const { limits, kill } = this.#options;
    if (this.#bytes + bytes > limits.outstandingBytes) {
      const most = limits.outstandingBytes;
      kill(
        "WEIR_PLUGIN_PROTOCOL",
        `more than ${most} bytes of invocations are unanswered or unread`,
      );
      return false;
    }
    this.#bytes += bytes;
    return true;
  }
}
