import assert from "node:assert/strict";
import { failure, good, skipped, warning } from "../check/tick.ts";
import { checkCommand, checkText } from "./check.ts";
import { parseCommand } from "./command.ts";
import { CHECK } from "./specs.ts";
import { createStyle } from "./style.ts";

const GROUPS = [
  { title: "Kernel", ticks: [good("kernel 6.1"), skipped("no IPv6")] },
  {
    title: "Rights (RBAC)",
    ticks: [
      warning("may not list servicecidrs", "grant it"),
      failure("may not list services", "x"),
    ],
  },
];

Deno.test("ticks are grouped, and each that is not good has its remedy below it", () => {
  assert.equal(
    checkText(GROUPS, createStyle(false)),
    `Kernel
  ✔ kernel 6.1
  - no IPv6

Rights (RBAC)
  ! may not list servicecidrs
      → grant it
  ✘ may not list services
      → x

1 failure, 1 warning.
`,
  );
});

async function run(args: readonly string[], groups = GROUPS) {
  const out: string[] = [];
  const line = parseCommand(CHECK, args);
  assert.ok(line !== "help");
  const asked: string[] = [];
  const code = await checkCommand(line, {
    stdout: (text) => out.push(text),
    stderr: () => {},
    terminal: { stdout: false, stderr: false },
    env: () => undefined,
    hostname: () => "node-1",
    readText: () => Promise.reject(new Error("it is not there")),
    writeText: () => Promise.reject(new Error("written")),
  }, async ({ manifests, nodeName }) => {
    asked.push(`${manifests} ${nodeName}`);
    return groups;
  });
  return { code, out: out.join(""), asked };
}

Deno.test("a failure ends with 1, warnings alone with 0", async () => {
  assert.equal((await run([])).code, 1);
  const calm = [{ title: "Kernel", ticks: [warning("a", "b")] }];
  assert.equal((await run([], calm)).code, 0);
});

Deno.test("it checks for the flags that weir is to have, and refuses those that it cannot have", async () => {
  assert.deepEqual((await run(["--manifests=dir", "-o", "json"])).asked, ["dir node-1"]);
  const { code, out, asked } = await run(["--cluster-cidr=x"]);
  assert.deepEqual([code, asked], [1, []]);
  assert.match(out, /^Configuration\n {2}✘ Cannot use --cluster-cidr "x"/);
});

Deno.test("programs get the ticks as JSON", async () => {
  assert.deepEqual(JSON.parse((await run(["-o", "json"])).out), { groups: GROUPS });
});
