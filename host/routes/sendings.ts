/**
 * Answers on their way. Whoever asks for a large page and then does not read it must not have weir
 * keep it: the runtime would copy a whole body for each such reader, for as long as the connection
 * stands. So a page is handed out slice by slice, and one that is made in pieces is made no faster
 * than it is read.
 *
 * @module
 */
import { concatenated } from "../bytes.ts";
import type { Clock } from "../clock.ts";

/** What sending stands on. */
export interface SendingsOptions {
  readonly clock: Clock;
  /** Bytes that may wait for readers, those of all answers together. */
  readonly mostBytes?: number;
}

/** Bytes that are handed to the runtime at a time; an answer that has no more is not watched. */
const SLICE = 64 * 1024;

/**
 * Bytes that an answer counts for at least, which is what making it keeps while its reader is slow:
 * the /metrics of 10,000 Services with their own counters has a list of their series, the samples of
 * all else and slices under way, 0.4 MB together.
 */
const MAKING = 512 * 1024;

/** What 64 answers keep that are made while they are read. */
const MOST_BYTES = 32 * 1024 * 1024;

/** Milliseconds that a reader may take for one answer. */
const PATIENCE_MS = 60_000;

/** Why an answer is cut off, which is nobody's fault but its reader's. */
export class SlowReader extends Error {
  /** What a stack trace begins with. */
  override readonly name: string = "SlowReader";
}

type Bytes = Uint8Array<ArrayBuffer>;

/** A body that is made while it is read. */
class Body {
  readonly #source: ReadableStreamDefaultReader<Bytes>;
  /** What has been made and is not sent. */
  #made: readonly Bytes[] = [];
  #dropped = false;

  constructor(stream: ReadableStream<Bytes>) {
    this.#source = stream.getReader();
  }

  /** Bytes that have been made and are not sent. */
  get bytes(): number {
    return this.#made.reduce((sum, { length }) => sum + length, 0);
  }

  /** Has more made; false when there is no more. */
  async more(): Promise<boolean> {
    const { value, done } = await this.#source.read();
    if (done) return false;
    if (value.length > 0) this.#made = [...this.#made, value];
    return true;
  }

  /** What has been made, in one. */
  whole(): Bytes {
    return concatenated(this.#made);
  }

  /** What is sent next; undefined at the end. */
  async slice(): Promise<Bytes | undefined> {
    while (this.#made.length === 0) if (!await this.more()) return undefined;
    const [piece = new Uint8Array(0), ...rest] = this.#made;
    const left = piece.subarray(SLICE);
    this.#made = left.length === 0 ? rest : [left, ...rest];
    // A copy: the runtime detaches or keeps what it is given, with all that is behind it.
    return piece.slice(0, SLICE);
  }

  /** Whether nobody wants it any more. */
  get dropped(): boolean {
    return this.#dropped;
  }

  /** Has no more made. */
  drop(why: unknown): void {
    this.#dropped = true;
    this.#made = [];
    // What is not wanted any more may fail.
    this.#source.cancel(why).catch(() => {});
  }
}

/** One answer that is not read to its end. */
interface Sending {
  readonly body: Body;
  readonly cut: (why: string) => void;
}

/** Bytes that an answer keeps. */
function kept(body: Body): number {
  return Math.max(MAKING, body.bytes);
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

  /** Bytes that are kept for answers that wait for their readers. */
  get bytes(): number {
    return this.#underWay.values().reduce((sum, { body }) => sum + kept(body), 0);
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
    const body = new Body(response.body);
    const { status, headers } = response;
    while (body.bytes <= SLICE) {
      if (!await body.more()) return new Response(body.whole(), { status, headers });
    }
    return new Response(this.#slices(body), { status, headers });
  }

  #slices(body: Body): ReadableStream<Bytes> {
    let forget = () => {};
    return new ReadableStream<Bytes>({
      start: (controller) => {
        const cut = (why: string) => {
          forget();
          const slow = new SlowReader(why);
          body.drop(slow);
          controller.error(slow);
        };
        const cancel = this.#clock.after(
          PATIENCE_MS,
          () => cut(`its reader has taken more than ${PATIENCE_MS / 1000} s`),
        );
        const sending: Sending = { body, cut };
        forget = () => {
          cancel();
          this.#underWay.delete(sending);
        };
        this.#underWay.add(sending);
        this.#makeRoom(sending);
      },
      pull: async (controller) => {
        const slice = await body.slice().catch((thrown) => {
          forget();
          throw thrown;
        });
        if (body.dropped) return;
        if (slice !== undefined) return controller.enqueue(slice);
        forget();
        controller.close();
      },
      cancel: (why) => {
        forget();
        body.drop(why);
      },
    }, { highWaterMark: 0 });
  }

  #makeRoom(newest: Sending): void {
    let waiting = this.bytes;
    for (const sending of this.#underWay) {
      if (waiting <= this.#mostBytes) return;
      if (sending === newest) continue;
      waiting -= kept(sending.body);
      sending.cut("too many answers wait for readers that are slow");
    }
  }
}
