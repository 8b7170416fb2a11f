/**
 * Waiting for what must happen, with an end.
 *
 * @module
 */

/**
 * By what factor this machine is slower than those for which limits are written: an emulated
 * processor's runner says `--patience=N` behind the tests' files, others nothing.
 */
const SLOWNESS = Number(
  Deno.args.find((word) => word.startsWith("--patience="))?.replace(/^.*=/, "") ?? 1,
);

/**
 * A time limit as this machine can meet it.
 *
 * @param milliseconds On real hardware.
 * @returns Milliseconds.
 */
export function patient(milliseconds: number): number {
  return milliseconds * SLOWNESS;
}

/** Milliseconds until something that must happen counts as missing, unless told. */
export const PATIENCE = patient(20_000);
/** Milliseconds between two looks. */
const LOOK = 20;

/**
 * Waits until something is so.
 *
 * @param what For the message when it never is.
 * @param condition Looked at again and again; what it throws counts as "not yet".
 * @param limit Milliseconds.
 * @throws {Error} When it is not so in time, with the last reason.
 */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  limit = PATIENCE,
): Promise<void> {
  const deadline = performance.now() + limit;
  let last = "it is not so";
  while (performance.now() < deadline) {
    try {
      if (await condition()) return;
    } catch (fault) {
      last = String(fault);
    }
    await new Promise((resume) => setTimeout(resume, LOOK));
  }
  throw new Error(`Cannot see "${what}" within ${limit} ms: ${last}`);
}
