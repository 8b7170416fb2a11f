/**
 * What is told of an API server that tells nothing: weir goes on by what it knew last.
 *
 * @module
 */
import * as v from "valibot";

/** The schema of a source that is silent, see {@linkcode SilentSource}. */
export const SilentSourceSchema = v.object({
  /** For how many milliseconds. */
  milliseconds: v.number(),
  /** The kind that has not been heard of for longest, for example `services`. */
  plural: v.string(),
  /** What went wrong. */
  reason: v.string(),
  /** What to do about it. */
  remedy: v.string(),
});

/** A source that does not tell of some objects, seen from now. */
export type SilentSource = v.InferOutput<typeof SilentSourceSchema>;
