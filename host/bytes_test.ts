import assert from "node:assert/strict";
import { concatenated } from "./bytes.ts";

Deno.test("pieces are joined in their order, and a change of one does not show in the whole", () => {
  const first = Uint8Array.of(1, 2);
  const whole = concatenated([first, new Uint8Array(0), Uint8Array.of(3)]);
  first[0] = 9;
  assert.deepEqual(whole, Uint8Array.of(1, 2, 3));
  assert.deepEqual(concatenated([]), new Uint8Array(0));
});

Deno.test("a single piece is not copied", () => {
  const only = Uint8Array.of(1);
  assert.equal(concatenated([only]), only);
});
