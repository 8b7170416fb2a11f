/**
 * What is wrong with an object of the cluster, told instead of thrown.
 *
 * @module
 */

/** A part of an object that cannot be programmed; the rest of the object still is. */
export interface Problem {
  /** Kind, namespace and name, as `Service default/web`. */
  readonly object: string;
  /** The field as people write it, as `spec.ports[0].port`. */
  readonly path: string;
  /** `Cannot program "<value>": <current state>`. */
  readonly message: string;
}
