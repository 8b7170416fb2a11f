/**
 * How large the objects are that a heap profile has samples of. V8's protocol does not say: it
 * tells of a sample how many bytes it stands for, which is the object's size times the number of
 * objects that the sample stands for, and that number follows from the size
 * (v8/src/profiler/sampling-heap-profiler.cc, ScaleSample). So it can be turned round.
 *
 * @module
 */

/** V8 aligns objects to a pointer, which has 8 bytes in Deno: it does not compress them. */
const ALIGNMENT = 8;

/** Samples of one node of a profile that stand for equally many bytes. */
export interface SampleGroup {
  /** Bytes that each of them stands for. */
  readonly bytes: number;
  /** How many there are. */
  readonly samples: number;
}

/**
 * For how many objects samples stand, exactly as V8 counts them.
 *
 * @param size Bytes of one object.
 * @param samples How many objects of this size were sampled.
 * @param interval Bytes between two samples, on average.
 * @returns Objects.
 */
export function scaled(size: number, samples: number, interval: number): number {
  return Math.floor(samples / (1 - Math.exp(-size / interval)) + 0.5);
}

/**
 * The sizes that an object may have, of which one sample stands for so many bytes. Mostly there
 * are one to three: a sample stands for the first multiple of the size beyond the interval.
 *
 * @param bytes What the sample stands for.
 * @param interval Bytes between two samples, on average.
 * @returns Sizes, the smallest first; `bytes` itself if V8 cannot have counted so.
 */
export function possibleSizes(bytes: number, interval: number): readonly number[] {
  // Objects beyond 1.1 intervals stand for themselves alone, the largest below for twice theirs.
  if (bytes > 2.5 * interval || bytes % ALIGNMENT !== 0) return [bytes];
  const whole = bytes / ALIGNMENT;
  const sizes: number[] = [];
  for (let divisor = 1; divisor * divisor <= whole; divisor++) {
    if (whole % divisor !== 0) continue;
    for (const part of new Set([divisor, whole / divisor])) {
      const size = part * ALIGNMENT;
      if (size * scaled(size, 1, interval) === bytes) sizes.push(size);
    }
  }
  return sizes.length === 0 ? [bytes] : sizes.sort((one, other) => one - other);
}

/** Sums that are tried for one node: the samples are whatever a hostile process says. */
const MOST_TRIES = 4096;

/**
 * Counts the objects of one node. Of several samples of a size V8 scales and rounds the sum, which
 * is another number for each size, so that the node's total tells which sizes they are; of a
 * single sample with several possible sizes the smallest is taken, there being more small objects.
 *
 * @param groups The node's samples.
 * @param total The node's bytes, as V8 says.
 * @param interval Bytes between two samples, on average.
 * @returns Objects.
 */
export function countObjects(
  groups: readonly SampleGroup[],
  total: number,
  interval: number,
): number {
  let settledBytes = 0;
  let settledObjects = 0;
  const open: { readonly sizes: readonly number[]; readonly samples: number }[] = [];
  for (const { bytes, samples } of groups) {
    const sizes = possibleSizes(bytes, interval);
    const [smallest = bytes] = sizes;
    // All sizes of a single sample come to the same sum.
    if (samples > 1 && sizes.length > 1) open.push({ sizes, samples });
    else {
      const objects = scaled(smallest, samples, interval);
      settledBytes += smallest * objects;
      settledObjects += objects;
    }
  }
  let tries = 0;
  /** The objects of the open groups from one on, if these are to have so many bytes. */
  const fit = (at: number, bytes: number): number | undefined => {
    const group = open[at];
    if (group === undefined) return bytes === 0 ? 0 : undefined;
    for (const size of group.sizes) {
      if (++tries > MOST_TRIES) return undefined;
      const objects = scaled(size, group.samples, interval);
      const rest = fit(at + 1, bytes - size * objects);
      if (rest !== undefined) return rest + objects;
    }
    return undefined;
  };
  const smallest = () =>
    open.reduce(
      (sum, { sizes: [size = interval], samples }) => sum + scaled(size, samples, interval),
      0,
    );
  return settledObjects + (fit(0, total - settledBytes) ?? smallest());
}
