import assert from "node:assert/strict";
import { portRangeFault } from "./port_range.ts";

for (const text of ["", "0", "0-0", "30000", "30000-32000", "30000+100", "65000+9999", " 1 - 2 "]) {
  Deno.test(`"${text}" is a range of ports`, () => assert.equal(portRangeFault(text), undefined));
}

const faults: readonly (readonly [string, RegExp])[] = [
  ["a", /no range/],
  ["1-", /no range/],
  ["-1", /no range/],
  ["1-2-3", /no range/],
  ["1+2-3", /no range/],
  ["65536", /65536 is no port/],
  ["1-70000", /70000 is no port/],
  ["5-4", /4 is below 5/],
];

for (const [text, why] of faults) {
  Deno.test(`"${text}" is no range of ports`, () => assert.match(portRangeFault(text) ?? "", why));
}
