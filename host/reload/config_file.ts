/**
 * Follows the configuration file, however it is replaced: written in place, renamed over as editors
 * do, deleted and made again, or swapped with the whole version of a ConfigMap volume (`..data`).
 *
 * @module
 */
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import type { Clock } from "../clock.ts";
import { Bell, FolderWatch } from "../folder_watch.ts";
import { messageOf } from "../../schemas/errors.ts";

/** How a file is followed. */
export interface ConfigFileOptions {
  /** The file's path. */
  readonly path: string;
  /** Reads it. Deno may not be allowed to, nor to listen to its folder: then the poll must do. */
  readonly readText: (path: string) => Promise<string>;
  readonly clock: Clock;
  /**
   * Milliseconds between two looks that must see the same before it counts, 50 when absent: a file
   * that is being written or replaced is neither half read nor taken for deleted.
   */
  readonly settleTime?: number;
  /**
   * Milliseconds between looks when nothing has rung, 1,000 when absent: network file systems ring
   * for nobody, and what a symbolic link leads to may be in another folder.
   */
  readonly pollInterval?: number;
}

/** How often a file that never stands still is looked at before it is taken as it is. */
const MOST_LOOKS = 20;

/** What stands for the file's content: equal for equal content, or for one reason not to see it. */
async function look({ path, readText }: ConfigFileOptions): Promise<string> {
  try {
    return createHash("sha256").update(await readText(path)).digest("hex");
  } catch (thrown) {
    return `unreadable: ${messageOf(thrown)}`;
  }
}

async function identityOf(directory: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await Deno.stat(directory);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

/**
 * Follows a file until the signal aborts.
 *
 * @param options The file, and how it is followed.
 * @param seen Called after the first look, at each change of the content, and at each look that saw
 * none (`changed` tells), one call at a time. What it throws ends the following.
 * @param signal Ends it.
 * @returns Settles after the abort.
 */
export async function followConfigFile(
  options: ConfigFileOptions,
  seen: (changed: boolean) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { path, clock, settleTime = 50, pollInterval = 1_000 } = options;
  const bell = new Bell();
  const directory = dirname(path);
  const watch = new FolderWatch(directory, clock, () => bell.ring());
  let settled: string | undefined;
  const settle = async (): Promise<string> => {
    let former = await look(options);
    for (let looks = 1; former !== settled && looks < MOST_LOOKS; looks++) {
      await new Promise<void>((resolve) => clock.after(settleTime, resolve));
      const again = await look(options);
      if (again === former) return again;
      former = again;
    }
    return former;
  };
  try {
    while (!signal.aborted) {
      // The watch is set up first: what happens after it rings, what happened before it is seen.
      await watch.ensure(await identityOf(directory));
      const content = await settle();
      if (signal.aborted) break;
      const changed = content !== settled;
      settled = content;
      await seen(changed);
      await bell.wait(clock, pollInterval, signal);
    }
  } finally {
    await watch.close();
  }
}
