/**
 * A case as it is written: once, for both families.
 *
 * @module
 */
import type { CaseBody } from "./case.ts";
import type { Place } from "./place.ts";

/** A case before it has a place. */
export interface CaseTemplate {
  /** A sentence of what a user would see. */
  readonly name: string;
  /**
   * Says what is in the case.
   *
   * @param place Its addresses and objects in one family.
   * @returns Settings and steps.
   */
  readonly build: (place: Place) => CaseBody;
}
