/**
 * When a dead plugin is started again, and when no more.
 *
 * @module
 */

/** What to do about a plugin that is parked. */
export const PARKED_REMEDY =
  "mend it, or configure another; a restart of weir or a change of the " +
  "plugin in the configuration file starts it again";

/** What to do after a death. */
export type AfterDeath =
  | { readonly type: "restart"; readonly delayMs: number }
  | { readonly type: "park" };

/** How restarts are limited. */
export interface RestartLimits {
  /** Deaths within the window after which the plugin is parked. */
  readonly deaths: number;
  /** Milliseconds for which a death counts. */
  readonly deathWindowMs: number;
}

/**
 * Milliseconds before the first restart: a plugin killed by chance is back before anyone notices,
 * and each further death waits four times as long, so that five deaths of one cause take about
 * half a minute and a passing shortage of the node is outlived.
 */
const FIRST_DELAY_MS = 250;
const FACTOR = 4;

/**
 * Decides about the next start.
 *
 * @param deaths When the plugin died, milliseconds on the same clock as `now`, the last death
 * included.
 * @param now Milliseconds.
 * @param random A number from 0 up to 1: the delay is between half and all of the full one, so
 * that plugins that died together do not start together.
 * @param limits How restarts are limited.
 * @returns Restart after a delay, or park.
 */
export function afterDeath(
  deaths: readonly number[],
  now: number,
  random: number,
  limits: RestartLimits,
): AfterDeath {
  const recent = deaths.filter((at) => now - at < limits.deathWindowMs).length;
  if (recent >= limits.deaths) return { type: "park" };
  const full = FIRST_DELAY_MS * FACTOR ** Math.max(0, recent - 1);
  return { type: "restart", delayMs: full * (0.5 + random / 2) };
}
