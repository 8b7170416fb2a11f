import assert from "node:assert/strict";
import { readOperatorFile, writeOperatorFile } from "./operator_file.ts";

Deno.test("a file where Deno may not read and write is written, read and written anew", async () => {
  const path = `/tmp/weir-operator-file-${crypto.randomUUID()}`;
  assert.equal((await Deno.permissions.query({ name: "write", path })).state, "prompt");
  // Longer than what is read at once, with characters of several bytes across that border.
  const long = `a${"ü€😀".repeat(20_000)}\n`;
  try {
    await writeOperatorFile(path, long);
    assert.equal(await readOperatorFile(path), long);
    await writeOperatorFile(path, "short\n");
    assert.equal(await readOperatorFile(path), "short\n");
  } finally {
    // unshare runs a program, and without options no more than that.
    await new Deno.Command("unshare", { args: ["rm", "-f", path] }).output();
  }
});

for (
  const [what, done, message] of [
    [
      "read a file that is not there",
      () => readOperatorFile("/tmp/weir/none"),
      /no such file or folder/,
    ],
    ["read a folder", () => readOperatorFile("/tmp"), /it is a folder/],
    [
      "write into no folder",
      () => writeOperatorFile("/tmp/weir/none", "x"),
      /no such file or folder/,
    ],
  ] as const
) {
  Deno.test(`who tries to ${what} is told why not`, async () => {
    await assert.rejects(done, { message });
  });
}
