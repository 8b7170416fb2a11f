import assert from "node:assert/strict";
import { masked, maskedWhole } from "./masked.ts";

const TEXTS: readonly (readonly [string, string])[] = [
  ["https://me:secret@10.0.0.1:6443/x", "https://***@10.0.0.1:6443/x"],
  ["--master=HTTPS://me@host", "--master=HTTPS://***@host"],
  ["https://10.0.0.1/a@b", "https://10.0.0.1/a@b"],
  ["me@host", "me@host"],
  ["http://me:s3@cret@host:4318", "http://***@host:4318"],
  ["https://host/v1?token=secret&a=b#c", "https://host/v1?token=***&a=***#c"],
  ["https://host?secret", "https://host?***"],
  ["--a=http://me:x@one/p,http://me:y@other?z=1", "--a=http://***@one/p,http://***@other?z=***"],
  ["a@b http://me:x@one b@c", "a@b http://***@one b@c"],
];

for (const [text, shown] of TEXTS) {
  Deno.test(`of "${text}" pages show "${shown}"`, () => assert.equal(masked(text), shown));
}

Deno.test("in a whole document every text is masked, and nothing else is changed", () => {
  assert.deepEqual(
    maskedWhole({ a: ["http://me:x@host", 1, null], b: { c: true, d: "a@b" } }),
    { a: ["http://***@host", 1, null], b: { c: true, d: "a@b" } },
  );
});
