/**
 * The parts of a configuration's input.
 *
 * @module
 */

/** The two documents of a file, and what only the command line has. */
export type ConfigRoot = "kubeProxy" | "weir" | "options";

/** The input of each part, not yet checked. */
export type ConfigInputs = Readonly<Record<ConfigRoot, unknown>>;
