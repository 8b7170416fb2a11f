/**
 * Who looks at the page and wants to know when there is something new, by server-sent events.
 *
 * Nothing of the flow tells the page anything: while somebody listens, the clock asks a few times
 * a second what the page would show. A listener that reads slowly misses nothing, as it is only
 * ever told that something is new; so there is nothing that could pile up for it.
 *
 * @module
 */
import type { Clock } from "../clock.ts";

/** What listening stands on. */
export interface LiveOptions {
  /** Something that differs whenever the page would. */
  readonly version: () => string;
  readonly clock: Clock;
}

/** Pages that may listen at a time; a browser's own limit is 6 for one host. */
export const MOST_LISTENERS = 16;

/** Milliseconds between two looks. */
const LOOK_MS = 250;
/**
 * Milliseconds after which a page is told in any case: times and rates have gone on, and a page that
 * hears nothing knows that the connection is dead.
 */
const BEAT_MS = 15_000;

const encoder = new TextEncoder();
/** A browser that loses the connection comes again after so long. */
const HELLO = encoder.encode("retry: 2000\n\n");
const NEWS = encoder.encode("event: news\ndata:\n\n");
const BEAT = encoder.encode("event: beat\ndata:\n\n");

/** One that listens. */
interface Listener {
  /** The version that it was told last. */
  told: string;
  spokenAt: number;
  /** Sends something; undefined while it has not read what was sent before. */
  send: ((bytes: Uint8Array<ArrayBuffer>) => void) | undefined;
  close: () => void;
}

/** All that listen. */
export class Live {
  readonly #options: LiveOptions;
  readonly #listeners = new Set<Listener>();
  #cancelLook: () => void = () => {};

  /** @param options What the page shows, and time. */
  constructor(options: LiveOptions) {
    this.#options = options;
  }

  /** How many listen. */
  get size(): number {
    return this.#listeners.size;
  }

  /**
   * Lets one more listen.
   *
   * @param closing Ends the stream.
   * @param seen The version of what is shown there; undefined for the present one.
   * @returns A stream of server-sent events, or undefined when too many listen.
   */
  listen(
    closing: AbortSignal,
    seen?: string,
  ): ReadableStream<Uint8Array<ArrayBuffer>> | undefined {
    if (this.#listeners.size >= MOST_LISTENERS || closing.aborted) return undefined;
    const { version, clock } = this.#options;
    const leave = () => listener.close();
    const listener: Listener = {
      told: seen ?? version(),
      spokenAt: clock.now(),
      send: undefined,
      close: () => {},
    };
    const gone = () => {
      closing.removeEventListener("abort", leave);
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#cancelLook();
    };
    closing.addEventListener("abort", leave);
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#lookSoon();
    let greeted = false;
    return new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        listener.close = () => {
          gone();
          controller.close();
        };
      },
      pull: (controller) => {
        if (!greeted) {
          greeted = true;
          controller.enqueue(HELLO);
          return;
        }
        // Until it has read this, it is not told more.
        return new Promise<void>((resume) => {
          listener.send = (bytes) => {
            listener.send = undefined;
            controller.enqueue(bytes);
            resume();
          };
        });
      },
      cancel: gone,
    }, { highWaterMark: 0 });
  }

  #lookSoon(): void {
    this.#cancelLook = this.#options.clock.after(LOOK_MS, () => {
      this.#look();
      this.#lookSoon();
    });
  }

  #look(): void {
    const { version, clock } = this.#options;
    const [now, current] = [clock.now(), version()];
    for (const listener of this.#listeners) {
      const news = listener.told !== current;
      if (listener.send === undefined || !(news || now - listener.spokenAt >= BEAT_MS)) continue;
      listener.told = current;
      listener.spokenAt = now;
      listener.send(news ? NEWS : BEAT);
    }
  }
}
