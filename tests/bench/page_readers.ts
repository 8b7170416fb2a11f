/**
 * People who leave the page open: each asks for its view once more when it is told of news, as the
 * page's script does. They are here instead of in Chromium so that only what they cost weir is
 * measured, on a machine of few processors.
 *
 * @module
 */
import { systemClock } from "../../host/clock.ts";
import { sleep } from "../../host/sleep.ts";

/** Milliseconds between two looks of one reader: the script's. */
const LEAST_MS = 500;
/** Milliseconds after which one that was turned away tries again: the script's. */
const AGAIN_MS = 5_000;

/** Readers of the page. */
export class PageReaders implements AsyncDisposable {
  readonly #leaving = new AbortController();
  readonly #readers: Promise<void>[] = [];
  #looks = 0;
  #listening = 0;

  /**
   * Opens pages.
   *
   * @param origin Where the page is.
   * @param paths What each looks at.
   */
  constructor(origin: string, paths: readonly string[]) {
    for (const path of paths) this.#readers.push(this.#read(origin, path));
  }

  /** How often they asked for their views. */
  get looks(): number {
    return this.#looks;
  }

  /** How many are told of news. */
  get listening(): number {
    return this.#listening;
  }

  async #read(origin: string, path: string): Promise<void> {
    const { signal } = this.#leaving;
    while (!signal.aborted) {
      try {
        const events = await fetch(`${origin}/live`, { signal });
        if (!events.ok || events.body === null) {
          await events.body?.cancel();
          await sleep(systemClock, AGAIN_MS, signal);
          continue;
        }
        this.#listening++;
        const decoder = new TextDecoder();
        for await (const chunk of events.body) {
          if (!decoder.decode(chunk).includes("event: news")) continue;
          await (await fetch(origin + path, { signal })).arrayBuffer();
          this.#looks++;
          await sleep(systemClock, LEAST_MS, signal);
        }
      } catch (thrown) {
        if (!signal.aborted) throw thrown;
      }
    }
  }

  /** Closes the pages. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#leaving.abort();
    await Promise.all(this.#readers);
  }
}
