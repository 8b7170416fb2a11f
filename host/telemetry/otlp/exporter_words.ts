/**
 * What OpenTelemetry's exporter says, which it does to a log that all of its SDK shares.
 *
 * @module
 */
import { diag, DiagLogLevel } from "@opentelemetry/api";
import type { Logger } from "../log.ts";
import type { Remark } from "./deliveries.ts";

/** What the exporter tells nobody but its log of a request that was taken. */
function remarkOf(words: readonly string[]): Remark | undefined {
  const text = words.join(" ");
  if (/could not deserialize response|Failed to parse trace export response/.test(text)) {
    return { rejected: 0, message: "what answers there is no OTLP: is the path right?" };
  }
  if (!text.includes("Received Partial Success response")) return undefined;
  // protobuf's 64 bits are a text in JSON.
  const { rejectedSpans = 0, errorMessage = "" } = JSON.parse(words.at(-1) ?? "{}");
  return { rejected: Number(rejectedSpans), message: String(errorMessage) };
}

/** Hears what the exporter says, in place of all who have heard it before. */
export class ExporterWords {
  readonly #log: Logger;
  #isMade = false;
  #remark: Remark | undefined;

  /** @param log Gets what an operator should know. */
  constructor(log: Logger) {
    this.#log = log;
    const heard = (...words: readonly unknown[]) => this.#heard(words);
    diag.setLogger(
      { error: heard, warn: heard, info: () => {}, debug: () => {}, verbose: () => {} },
      { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
    );
  }

  /**
   * Takes notice that the exporter is made: what is wrong with its variables it has said by now.
   * Later it would repeat, for each request, what is said better by others.
   */
  made(): void {
    this.#isMade = true;
  }

  /**
   * Takes what was said of a request, in the turn in which that has settled.
   *
   * @returns The first remark since the last one was taken.
   */
  take(): Remark | undefined {
    const remark = this.#remark;
    this.#remark = undefined;
    return remark;
  }

  #heard(words: readonly unknown[]): void {
    const texts = words.filter((word) => typeof word === "string");
    this.#remark ??= remarkOf(texts);
    if (this.#isMade) this.#log.v(4, texts.join(" "));
    else this.#log.warn(texts.join(" "));
  }
}
