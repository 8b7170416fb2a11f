/**
 * What of a plugin's output is let through: frames within a rate, log lines and metrics within a
 * number. Too many frames end the plugin; log lines and metrics beyond are only dropped.
 *
 * @module
 */
import * as v from "valibot";
import type { Log } from "../../schemas/capability.ts";
import { WeirError } from "../../schemas/errors.ts";
import type { Frame } from "../../schemas/frame.ts";
import { type Limits, type PluginMessage, PluginMessageSchema } from "../../schemas/wire.ts";
import { printable } from "../printable.ts";
import { Budget } from "./budget.ts";
import type { Clock } from "../clock.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

function refused(state: string): WeirError {
  return new WeirError("WEIR_PLUGIN_PROTOCOL", `Cannot accept message: ${state}`);
}

/**
 * Reads the header of a frame as JSON.
 *
 * @param frame As it was read.
 * @returns Anything.
 * @throws {WeirError} WEIR_PLUGIN_PROTOCOL when it is not UTF-8 or not JSON.
 */
export function readHeader(frame: Frame): unknown {
  try {
    return JSON.parse(decoder.decode(frame.header));
  } catch (cause) {
    throw new WeirError("WEIR_PLUGIN_PROTOCOL", "Cannot accept message: its header is not JSON", {
      cause,
    });
  }
}

/** Guards one plugin's output. */
export class Admission {
  readonly #limits: Limits;
  readonly #bytes: Budget;
  readonly #headers: Budget;
  readonly #frames: Budget;
  readonly #lines: Budget;
  readonly #series: Set<string>;
  #suppressed = 0;

  /**
   * @param limits Rates and numbers.
   * @param clock Time.
   * @param series The plugin's metrics so far, to be added to.
   */
  constructor(limits: Limits, clock: Clock, series: Set<string> = new Set()) {
    this.#limits = limits;
    this.#series = series;
    const now = () => clock.now();
    this.#bytes = new Budget(limits.bytesPerSecond, limits.bytesBurst, now);
    this.#headers = new Budget(limits.headerBytesPerSecond, limits.headerBytesBurst, now);
    this.#frames = new Budget(limits.framesPerSecond, limits.framesBurst, now);
    this.#lines = new Budget(limits.logLinesPerSecond, limits.logLinesBurst, now);
  }

  /**
   * Counts a frame and reads its message.
   *
   * @param frame As it was read.
   * @returns The message, validated.
   * @throws {WeirError} WEIR_PLUGIN_PROTOCOL when a rate or the schema is broken.
   */
  admit(frame: Frame): PluginMessage {
    this.count(frame);
    // The first fault is enough: a message can be made to have a hundred thousand.
    const result = v.safeParse(PluginMessageSchema, readHeader(frame), { abortEarly: true });
    if (!result.success) {
      const [issue] = result.issues;
      throw refused(`${v.getDotPath(issue) ?? "header"}: ${issue.message}`);
    }
    const { type } = result.output;
    if (frame.attachment.length > 0 && type !== "invoke" && type !== "inspected") {
      throw refused(`${type} has an attachment`);
    }
    return result.output;
  }

  /**
   * Counts a frame.
   *
   * @param frame As it was read.
   * @throws {WeirError} WEIR_PLUGIN_PROTOCOL when a rate is broken.
   */
  count(frame: Frame): void {
    if (!this.#frames.take(1)) {
      const { framesPerSecond, framesBurst } = this.#limits;
      throw refused(`more than ${framesBurst} frames and ${framesPerSecond} a second`);
    }
    // JSON costs the host a hundred times what an attachment of the same length does.
    if (!this.#headers.take(frame.header.length)) {
      const { headerBytesPerSecond, headerBytesBurst } = this.#limits;
      throw refused(
        `more than ${headerBytesBurst} bytes of JSON and ${headerBytesPerSecond} a second`,
      );
    }
    if (!this.#bytes.take(frame.header.length + frame.attachment.length)) {
      const { bytesPerSecond, bytesBurst } = this.#limits;
      throw refused(`more than ${bytesBurst} bytes and ${bytesPerSecond} a second`);
    }
  }

  /**
   * Writes a log line, or counts it as suppressed; the next line written says how many were.
   *
   * @param message The line.
   * @param log Where it goes.
   * @param plugin The plugin's name, added to the fields.
   */
  log(message: Extract<PluginMessage, { type: "log" }>, log: Log, plugin: string): void {
    if (!this.#lines.take(1)) {
      this.#suppressed++;
      return;
    }
    if (this.#suppressed > 0) {
      log.warn("plugin logs too much, lines were dropped", { plugin, lines: this.#suppressed });
      this.#suppressed = 0;
    }
    const fields = Object.entries(message.fields).map(([name, value]) =>
      [printable(name), typeof value === "string" ? printable(value) : value] as const
    );
    log[message.level](printable(message.message), { ...Object.fromEntries(fields), plugin });
  }

  /**
   * Lets a sample through if its metric is known or there is room for one more.
   *
   * @param message The sample.
   * @returns Whether it may be recorded.
   */
  admitsMetric(message: Extract<PluginMessage, { type: "metric" }>): boolean {
    if (message.kind === "counter" && message.value < 0) return false;
    const key = JSON.stringify([message.kind, message.name, Object.entries(message.labels).sort()]);
    if (this.#series.has(key)) return true;
    if (this.#series.size >= this.#limits.metricSeries) return false;
    this.#series.add(key);
    return true;
  }
}
