import assert from "node:assert/strict";
import { errnoName, errnoOf } from "./errno.ts";

Deno.test("an errno is shown by the name the manual pages use", () => {
  const cases: [number, string][] = [
    [1, "EPERM"],
    [2, "ENOENT"],
    [11, "EAGAIN"],
    [17, "EEXIST"],
    [95, "EOPNOTSUPP"],
    [105, "ENOBUFS"],
    [111, "ECONNREFUSED"],
    [133, "EHWPOISON"],
    [524, "ENOTSUPP"],
    [41, "errno 41"],
    [9999, "errno 9999"],
  ];
  for (const [number, name] of cases) assert.equal(errnoName(number), name);
});

Deno.test("a name leads back to its number, and a wrong one is an error", () => {
  assert.equal(errnoOf("ENOENT"), 2);
  assert.throws(() => errnoOf("ENONSENSE"), /Cannot find errno "ENONSENSE"/);
});
