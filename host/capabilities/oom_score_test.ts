/** The OOM score, against the real /proc. */
import assert from "node:assert/strict";
import { errnoOf } from "./errno.ts";
import { SystemCallError } from "./libc.ts";
import { adjustOomScore } from "./oom_score.ts";
import { readSystemFile } from "./system_file.ts";

const score = () => Number(readSystemFile("/proc/self/oom_score_adj"));

Deno.test("the OOM score is set, as far as the process may", () => {
  const before = score();
  try {
    // To raise one's own needs no privilege.
    assert.equal(adjustOomScore(Math.min(1000, before + 10)), undefined);
    assert.equal(score(), Math.min(1000, before + 10));
  } finally {
    // The kernel lets anybody go back to where a privileged process has set it.
    assert.equal(adjustOomScore(before), undefined);
  }
});

Deno.test("who may not lower the OOM score is told what it takes, or has it lowered", () => {
  const before = score();
  const refusal = adjustOomScore(-1000);
  if (refusal === undefined) {
    assert.equal(score(), -1000);
    adjustOomScore(before);
  } else {
    assert.match(refusal, /^Cannot set OOM score "-1000": .*EACCES; .* takes CAP_SYS_RESOURCE/);
    assert.equal(score(), before);
  }
});

for (
  const [name, says] of [
    ["EACCES", /CAP_SYS_RESOURCE/],
    ["EROFS", /mount it writable/],
    ["EINVAL", /EINVAL$/],
  ] as const
) {
  Deno.test(`${name} of the kernel is told in one sentence`, () => {
    const refusal = adjustOomScore(-999, (path) => {
      throw new SystemCallError(`write ${path}`, errnoOf(name));
    });
    assert.match(refusal ?? "", says);
  });
}
