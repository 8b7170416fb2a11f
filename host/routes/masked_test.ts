import assert from "node:assert/strict";
import { masked } from "./masked.ts";

const TEXTS: readonly (readonly [string, string])[] = [
  ["https://me:secret@10.0.0.1:6443/x", "https://***@10.0.0.1:6443/x"],
  ["--master=HTTPS://me@host", "--master=HTTPS://***@host"],
  ["https://10.0.0.1/a@b", "https://10.0.0.1/a@b"],
  ["me@host", "me@host"],
];

for (const [text, shown] of TEXTS) {
  Deno.test(`of "${text}" pages show "${shown}"`, () => assert.equal(masked(text), shown));
}
