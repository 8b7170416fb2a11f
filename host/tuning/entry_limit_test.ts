import assert from "node:assert/strict";
import { entryLimit } from "./entry_limit.ts";

const GIB = 2 ** 30;
const DEFAULTS = { maxPerCore: 32_768, min: 131_072 };

const CASES: readonly (readonly [
  what: string,
  settings: typeof DEFAULTS,
  cpus: number,
  memory: number,
  limit: number,
])[] = [
  ["half of the memory", DEFAULTS, 2, 3 * 2 ** 28, 2 ** 20],
  ["what is configured for many processors of a small machine", DEFAULTS, 64, GIB, 2 ** 21],
  ["what is configured at least", { maxPerCore: 1, min: 5_000_000 }, 2, GIB, 5_000_000],
  ["half of the memory where nothing is to be set", { maxPerCore: 0, min: 9e9 }, 2, 768, 1],
  ["what is configured where the memory is not known", DEFAULTS, 2, 0, 131_072],
];

for (const [what, settings, cpus, memory, limit] of CASES) {
  Deno.test(`a tuner may let connection tracking have ${what}`, () => {
    assert.equal(entryLimit(settings, { cpus, memory }), limit);
  });
}
