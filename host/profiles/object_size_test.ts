import assert from "node:assert/strict";
import { countObjects, possibleSizes, scaled } from "./object_size.ts";

const INTERVAL = 60_480;

for (const size of [16, 24, 40, 56, 72, 96, 120, 240, 336, 560]) {
  Deno.test(`an object of ${size} bytes is known by what one sample of it stands for`, () => {
    const [smallest] = possibleSizes(size * scaled(size, 1, INTERVAL), INTERVAL);
    assert.equal(smallest, size);
  });
}

const COUNTED: readonly (readonly [string, number, number, number])[] = [
  // Three samples alone could be of 136, 680, 712 or 3560 bytes as well.
  ["small objects", 40, 3, 4538],
  ["larger objects that look like small ones", 680, 3, 268],
  ["still larger ones", 3560, 3, 52],
  ["a single one, which is taken for small", 680, 1, 1513],
  ["large ones, of which each stands for itself", 160_016, 3, 3],
];

for (const [what, size, samples, objects] of COUNTED) {
  Deno.test(`${what} are counted`, () => {
    const group = { bytes: size * scaled(size, 1, INTERVAL), samples };
    const total = size * scaled(size, samples, INTERVAL);
    assert.equal(countObjects([group], total, INTERVAL), objects);
  });
}

Deno.test("objects of several sizes are told apart by their sum", () => {
  const sizes = [[40, 7], [3560, 5], [16, 9], [2088, 4]] as const;
  const groups = sizes.map(([size, samples]) => ({
    bytes: size * scaled(size, 1, INTERVAL),
    samples,
  }));
  const total = sizes.reduce((sum, [size, of]) => sum + size * scaled(size, of, INTERVAL), 0);
  const objects = sizes.reduce((sum, [size, of]) => sum + scaled(size, of, INTERVAL), 0);
  assert.equal(countObjects(groups, total, INTERVAL), objects);
});

Deno.test("numbers that V8 cannot have counted are borne, and take no time", () => {
  assert.equal(countObjects([{ bytes: 61_001, samples: 2 }], 5, INTERVAL), 3);
  const many = Array.from({ length: 100_000 }, (_, at) => ({ bytes: 60_488 + 8 * at, samples: 2 }));
  const startedAt = performance.now();
  assert.ok(Number.isFinite(countObjects(many, 1, INTERVAL)));
  assert.ok(performance.now() - startedAt < 1000);
});
