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

Deno.test("a pipe is read to its end, and one that nobody writes to is empty", async () => {
  const path = `/tmp/weir-operator-pipe-${crypto.randomUUID()}`;
  const run = (...args: string[]) => new Deno.Command("unshare", { args }).output();
  await run("mkfifo", path);
  try {
    // Whoever waited here would wait for good.
    assert.equal(await readOperatorFile(path), "");
    const written = run("sh", "-c", 'sleep 0.2; echo one >"$0"; sleep 0.2; exit 0', path);
    const holder = run("sh", "-c", 'exec 3<>"$0"; sleep 0.6; echo two >&3', path);
    let text = "";
    while (text === "") text = await readOperatorFile(path);
    assert.equal(text, "one\ntwo\n");
    await Promise.all([written, holder]);
  } finally {
    await run("rm", "-f", path);
  }
});

for (
  const [what, done, message] of [
    ["read what has no end", () => readOperatorFile("/dev/zero"), /more than 16777216 bytes/],
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
