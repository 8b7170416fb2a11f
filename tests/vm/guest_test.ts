import assert from "node:assert/strict";
import { firstScript, mainScript } from "./guest.ts";

const main = mainScript({
  checkout: "/src/it's here",
  modules: "/src/modules",
  environment: { HOME: "/root" },
  groups: [{
    name: "kernel",
    title: "== kernel: 1 file",
    limit: 30,
    command: ["deno", "test", "a_test.ts"],
    report: "/tmp/kernel.xml",
  }],
});

Deno.test("the guest reads the host's files and writes to its own memory", () => {
  const script = firstScript("/src/main.sh");
  assert.match(script, /mount -t virtiofs -o ro host \/host$/m);
  assert.match(script, /lowerdir=\/host,upperdir=\/memory\/upper/);
  assert.match(script, /switch_root \/merged \/bin\/sh '\/src\/main\.sh'$/m);
});

Deno.test("each group runs under its limit, and its exit code goes out before its report", () => {
  const lines = main.split("\n");
  const at = lines.findIndex((line) => line.startsWith("timeout"));
  assert.equal(lines[at], "timeout --kill-after=5 30 'deno' 'test' 'a_test.ts' </dev/null");
  assert.equal(lines[at + 1], "code=$?");
  assert.match(lines[at + 2] ?? "", /^\{ echo 'group kernel' \$code; cat '\/tmp\/kernel\.xml'/);
  assert.match(main, /^cd '\/src\/it'\\''s here'$/m);
});

Deno.test("the guest says that it has come to its end, and only then switches itself off", () => {
  assert.match(main, /echo end >\$reports\nsync\necho o >\/proc\/sysrq-trigger\n/);
});
