/**
 * What a process that ends leaves in its log.
 *
 * @module
 */
import type { RunningLog } from "./running_log.ts";

/** A stack names the error and its message too. */
function account(thrown: unknown): string {
  return thrown instanceof Error ? thrown.stack ?? thrown.message : String(thrown);
}

/**
 * Has what ended the process said, and what it said last written, however it ends: by Deno.exit,
 * which a signal leads to as well, or by an error that nobody caught, after which Deno ends it
 * without `unload`.
 *
 * @param running The log.
 * @param process The global scope, whose events are heard.
 */
export function keepLastWords(running: RunningLog, process: EventTarget): void {
  const uncaught = (thrown: unknown) => {
    running.log.error("Uncaught error", { err: account(thrown) });
    running.flush();
  };
  process.addEventListener("error", (event) => {
    uncaught(event instanceof ErrorEvent ? event.error : event.type);
  });
  process.addEventListener("unhandledrejection", (event) => {
    uncaught(event instanceof PromiseRejectionEvent ? event.reason : event.type);
  });
  process.addEventListener("unload", () => running.close());
}
