/**
 * What host and plugin agree on about conntrack. Apart from schemas/capability.ts, because a
 * plugin's bundle carries what the SDK imports, and need not carry valibot for a number.
 *
 * @module
 */

/** Ids that one `conntrack.reconcile` may name; a plugin with more says `all`. */
export const MOST_RECONCILED_IDS = 500;
