/**
 * Answers on their way. Whoever asks for a large page and then does not read it must not have weir
 * keep it: the runtime would copy a whole body for each such reader, for as long as the connection
 * stands.
 *
 * @module
 */
import type { Clock } from "../clock.ts";

/** What sending stands on. */
export interface SendingsOptions {
  readonly clock: Clock;
  /** Bytes that may wait for readers, those of all answers together. */
  readonly mostBytes?: number;
}

/** Bytes that are handed to the runtime at a time; an answer that has no more is not watched. */
const SLICE = 64 * 1024;

/** A few times the /metrics of 10,000 Services with their own counters. */
const MOST_BYTES = 32 * 1024 * 1024;

/** Milliseconds that a reader may take for one answer. */
const PATIENCE_MS = 60_000;

/** Why an answer is cut off, which is nobody's fault but its reader's. */
export class SlowReader extends Error {
  /** What a stack trace begins with. */
  override readonly name: string = "SlowReader";
}

/** One answer that is not read to its end. */
interface Sending {
  readonly bytes: number;
  readonly cut: (why: string) => void;
}

/** All answers that are not read to their end. */
export class Sendings {
  readonly #clock: Clock;
  readonly #mostBytes: number;
  readonly #underWay = new Set<Sending>();

  /** @param options Time, and how much may wait. */
  constructor({ clock, mostBytes = MOST_BYTES }: SendingsOptions) {
    this.#clock = clock;
    this.#mostBytes = mostBytes;
  }

  /** Bytes of answers that wait for their readers. */
  get bytes(): number {
    return this.#underWay.values().reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /**
   * Lets an answer be read slice by slice. When too much waits, those are cut off that have waited
   * longest, so that slow readers do not keep the others from being answered.
   *
   * @param response An answer; a stream of events is passed on as it is.
   * @returns The same to its reader.
   */
  async send(response: Response): Promise<Response> {
    const type = response.headers.get("Content-Type") ?? "";
    if (response.body === null || type.startsWith("text/event-stream")) return response;
    const body = await response.bytes();
    const { status, headers } = response;
    if (body.length <= SLICE) return new Response(body, { status, headers });
    return new Response(this.#slices(body), { status, headers });
  }

  #slices(body: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
    let rest: Uint8Array<ArrayBuffer> | undefined = body;
    let forget = () => {};
    return new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        const sending: Sending = {
          bytes: body.length,
          cut: (why) => {
            forget();
            controller.error(new SlowReader(why));
          },
        };
        const cancel = this.#clock.after(
          PATIENCE_MS,
          () => sending.cut(`its reader has taken more than ${PATIENCE_MS / 1000} s`),
        );
        forget = () => {
          cancel();
          rest = undefined;
          this.#underWay.delete(sending);
        };
        this.#underWay.add(sending);
        this.#makeRoom(sending);
      },
      pull: (controller) => {
        if (rest === undefined) return;
        // A copy: the runtime detaches or keeps what it is given, with all that is behind it.
        controller.enqueue(rest.slice(0, SLICE));
        rest = rest.subarray(SLICE);
        if (rest.length > 0) return;
        forget();
        controller.close();
      },
      cancel: () => forget(),
    }, { highWaterMark: 0 });
  }

  #makeRoom(newest: Sending): void {
    let waiting = this.bytes;
    for (const sending of this.#underWay) {
      if (waiting <= this.#mostBytes) return;
      if (sending === newest) continue;
      waiting -= sending.bytes;
      sending.cut("too many answers wait for readers that are slow");
    }
  }
}
