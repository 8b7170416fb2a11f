/**
 * Commands to V8's profilers in a plugin's process, and their answers. They are no calls: none
 * reaches a handler, and one that is not answered ends nothing but itself.
 *
 * @module
 */
import { messageOf, WeirError } from "../../schemas/errors.ts";
import { encodeHeaderless } from "../../schemas/frame.ts";
import type { InspectMessage, InspectorMethod, InspectorParams } from "../../schemas/inspection.ts";
import type { Limits, PluginMessage } from "../../schemas/wire.ts";
import type { Clock } from "../clock.ts";

/** What inspections stand on. */
export interface InspectionOptions {
  /** The plugin's name. */
  readonly plugin: string;
  /** Whether its process was started so that profilers answer. */
  readonly inspectable: boolean;
  readonly limits: Pick<Limits, "inspectMs" | "inspectBytes">;
  readonly clock: Clock;
  /** Sends a frame. */
  readonly write: (frame: Uint8Array) => void;
}

interface Pending {
  readonly cancelDeadline: () => void;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: WeirError) => void;
}

/** The commands to one plugin's process. */
export class Inspections {
  readonly #options: InspectionOptions;
  readonly #pending = new Map<number, Pending>();
  /** Commands that were given up: their answers may still come, late. */
  readonly #late = new Set<number>();
  #last = 0;
  #ended: string | undefined;

  /** @param options What they stand on. */
  constructor(options: InspectionOptions) {
    this.#options = options;
  }

  /**
   * Gives a command.
   *
   * @param method The command.
   * @param params Its parameters.
   * @returns What V8 answers.
   * @throws {WeirError} WEIR_PROFILE when it does not.
   */
  post(method: InspectorMethod, params: InspectorParams): Promise<unknown> {
    const { inspectable, limits, clock, write } = this.#options;
    const { inspectMs, inspectBytes } = limits;
    if (!inspectable) return Promise.reject(this.#failure("it was started without --profiling"));
    if (this.#ended !== undefined) return Promise.reject(this.#failure(this.#ended));
    if (this.#late.size > 0) return Promise.reject(this.#failure(silent(inspectMs)));
    const id = ++this.#last;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const cancelDeadline = clock.after(inspectMs, () => {
      this.#pending.delete(id);
      this.#late.add(id);
      reject(this.#failure(silent(inspectMs)));
    });
    this.#pending.set(id, { cancelDeadline, resolve, reject });
    const message: InspectMessage = { id, method, params, most: inspectBytes };
    write(encodeHeaderless(message));
    return promise;
  }

  /**
   * Takes an answer.
   *
   * @param message From the plugin's process.
   * @param attachment V8's answer.
   * @returns False when nobody has asked for it, which no sound process does.
   */
  settle(
    { id, error }: Extract<PluginMessage, { type: "inspected" }>,
    attachment: Uint8Array,
  ): boolean {
    if (this.#late.delete(id)) return true;
    const pending = this.#pending.get(id);
    if (pending === undefined) return false;
    this.#pending.delete(id);
    pending.cancelDeadline();
    const { inspectBytes } = this.#options.limits;
    if (error !== undefined) pending.reject(this.#failure(error));
    else if (attachment.length > inspectBytes) {
      const state = `its profile has ${attachment.length} bytes, the limit is ${inspectBytes}`;
      pending.reject(this.#failure(state));
    } else {
      try {
        pending.resolve(JSON.parse(new TextDecoder().decode(attachment)));
      } catch (thrown) {
        pending.reject(this.#failure(`its answer is no JSON: ${messageOf(thrown)}`));
      }
    }
    return true;
  }

  /**
   * Gives up what is pending: the process is gone.
   *
   * @param reason Why.
   */
  end(reason: string): void {
    this.#ended = reason;
    for (const { cancelDeadline, reject } of this.#pending.values()) {
      cancelDeadline();
      reject(this.#failure(reason));
    }
    this.#pending.clear();
  }

  #failure(state: string): WeirError {
    return new WeirError("WEIR_PROFILE", `Cannot profile "${this.#options.plugin}": ${state}`);
  }
}

function silent(milliseconds: number): string {
  return `no answer within ${milliseconds} ms, so its thread is blocked: a handler that never ` +
    "awaits cannot be looked into from its own process";
}
