import assert from "node:assert/strict";
import { trimAllocator } from "./allocator.ts";
import { libc } from "./libc.ts";

Deno.test("the allocator gives pages back where the C library is glibc, which Deno is built for", () => {
  assert.equal(trimAllocator(), libc().malloc_trim !== null);
  assert.equal(trimAllocator(), true);
});
