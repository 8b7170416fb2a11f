/**
 * How much an explanation tells. Objects may be as large as etcd takes them, and a Service may have
 * thousands of them.
 *
 * @module
 */

/** Service ports of one answer. */
export const MOST_PORTS = 1_000;
/** Slices, problems, addresses left out, source ranges and the like, of each. */
export const MOST_LISTED = 200;

/** How much there is of something that each of many has. */
interface Allowance {
  /** In one answer, by and large. */
  readonly inAll: number;
  /** Each may have so many, however many they are. */
  readonly least: number;
  readonly most: number;
}

/** Endpoints of a service port; as many that serve, and as many that do not, are kept at first. */
export const ENDPOINTS: Allowance = { inAll: 5_000, least: 5, most: 1_000 };
/** Addresses of a service port. */
export const ADDRESSES: Allowance = { inAll: 2_000, least: 4, most: 200 };
/** Source ranges of an address. */
export const SOURCES: Allowance = { inAll: 5_000, least: 4, most: 200 };
/** Slices that a service port passes over. */
export const SLICES: Allowance = { inAll: 2_000, least: 2, most: 100 };
/** Steps of a way. */
export const STEPS: Allowance = { inAll: 10_000, least: 100, most: 2_500 };

/**
 * Shares out.
 *
 * @param allowance How much there is.
 * @param among How many have a share.
 * @returns The share of each.
 */
export function shareOf({ inAll, least, most }: Allowance, among: number): number {
  return Math.min(most, Math.max(least, Math.floor(inAll / Math.max(1, among))));
}

/** What is told of a list. */
export interface Listed<T> {
  readonly listed: readonly T[];
  /** How many are not. */
  readonly more: number;
}

/**
 * Lists the first.
 *
 * @param all Everything.
 * @param most How many are listed.
 * @returns Those, and how many more there are.
 */
export function firstOf<T>(all: readonly T[], most: number): Listed<T> {
  return all.length <= most
    ? { listed: all, more: 0 }
    : { listed: all.slice(0, most), more: all.length - most };
}
