/**
 * Rings when something happens in a folder.
 *
 * @module
 */
import type { Clock } from "./clock.ts";

/** Something to wait for; a ring while nobody waits is kept for who waits next. */
export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  /** Rings. */
  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /**
   * Waits for a ring, and no longer than a while.
   *
   * @param clock Measures the while.
   * @param limit Milliseconds.
   * @param signal Ends the wait.
   * @returns Settles at the ring, at the limit or at the abort, whichever is first.
   */
  async wait(clock: Clock, limit: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = () => {
          cancel();
          signal.removeEventListener("abort", done);
          this.#wake = undefined;
          resolve();
        };
        const cancel = clock.after(limit, done);
        signal.addEventListener("abort", done);
        this.#wake = done;
      });
    }
    this.#rung = false;
  }
}

/**
 * Keeps an inotify watch on whatever folder has a name at the time. Where a watch cannot be had
 * (no such folder, no more watches, a file system without them) nothing rings, and the caller's
 * own slow poll must do.
 */
export class FolderWatch {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #ring: () => void;
  #watcher: Deno.FsWatcher | undefined;
  #identity: string | undefined;
  /** Settles when nothing listens to the last watcher any more. */
  #listening: Promise<void> = Promise.resolve();

  /**
   * Makes a watch that watches nothing yet.
   *
   * @param directory The folder's path.
   * @param clock Used to let the runtime take its turn.
   * @param ring Called at each change in it.
   */
  constructor(directory: string, clock: Clock, ring: () => void) {
    this.#directory = directory;
    this.#clock = clock;
    this.#ring = ring;
  }

  /**
   * Sees to it that the folder of this identity is watched: inotify watches an inode, and the name
   * may belong to another by now.
   *
   * @param identity From a look at the folder, or undefined when there is none.
   * @returns True when a new watch was set up: what happened before it went unseen.
   */
  async ensure(identity: string | undefined): Promise<boolean> {
    if (this.#watcher !== undefined && this.#identity === identity) return false;
    await this.close();
    if (identity === undefined) return false;
    try {
      const watcher = Deno.watchFs(this.#directory, { recursive: false });
      this.#watcher = watcher;
      this.#identity = identity;
      this.#listening = this.#listen(watcher);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Ends the watch.
   *
   * @returns Settles when the runtime has let go of the path. Deno counts its watches by path
   * (denoland/deno#34467): one of the same path set up before that would end with the former.
   */
  async close(): Promise<void> {
    const watcher = this.#watcher;
    this.#watcher = undefined;
    this.#identity = undefined;
    watcher?.close();
    await this.#listening;
    await new Promise<void>((resolve) => this.#clock.after(0, resolve));
  }

  async #listen(watcher: Deno.FsWatcher): Promise<void> {
    try {
      for await (const event of watcher) {
        // Looking is an access too, and must not lead to another look.
        if (event.kind !== "access") this.#ring();
      }
    } catch {
      // An overflown queue or a vanished mount: the next look sets up another watch.
      if (this.#watcher === watcher) watcher.close();
    }
    if (this.#watcher !== watcher) return;
    this.#watcher = undefined;
    this.#ring();
  }
}
