import assert from "node:assert/strict";

const module = new URL("./landlock.ts", import.meta.url).href;

/** What a process that may read beneath a folder only, and a program that it starts, can read. */
async function read(path: string): Promise<string> {
  const text = `import { readBeneathOnly } from ${JSON.stringify(module)};
if (!readBeneathOnly(["/usr", "/lib", "/lib64", "/dev/null", "/nowhere"])) throw new Error("the kernel has no Landlock");
const { stdout, stderr } = await new Deno.Command("/usr/bin/cat", {
  args: [${JSON.stringify(path)}], clearEnv: true, env: { LC_ALL: "C" },
}).output();
const decode = (bytes) => new TextDecoder().decode(bytes);
console.log(decode(stdout).length, decode(stderr));
`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-lock", text],
    clearEnv: true,
    env: { NO_COLOR: "1", DENO_DIR: "/dev/null" },
  }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

Deno.test("a program that is started reads beneath the folders, and nowhere else", async () => {
  assert.match(await read("/etc/passwd"), /^0 .*\/etc\/passwd: Permission denied/);
  assert.match(await read("/usr/bin/cat"), /^[1-9]\d{3,} \n/);
});
