/**
 * How `weir diff` ends: as diff(1) does for who asks whether something differs.
 */
import assert from "node:assert/strict";
import type { CommandMachine } from "../bare_ground.ts";
import { runCommand } from "./command.ts";
import { diffCommand } from "./diff.ts";
import { DIFF } from "./specs.ts";

const PENDING = {
  kind: "PendingSync",
  revision: 3,
  changes: [],
  families: ["IPv4"],
  node: { name: "here", zone: "", addresses: [], ignoresExternalIPs: false },
};
const CHANGE = { id: "default/web/TCP/IPv4", type: "removed", details: [] };

async function diff(
  words: readonly string[],
  changes?: readonly unknown[],
  others: Readonly<Record<string, unknown>> = {},
) {
  let [out, err] = ["", ""];
  const io = {
    stdout: (text: string) => void (out += text),
    stderr: (text: string) => void (err += text),
    terminal: { stdout: false, stderr: false },
    env: () => undefined,
    hostname: () => "here",
    readText: () => Promise.reject(new Error("no file is read")),
    writeText: () => Promise.reject(new Error("no file is written")),
  };
  const fetch = () =>
    changes === undefined
      ? Promise.reject(new Error("Connection refused"))
      : Promise.resolve(Response.json({ ...PENDING, changes, ...others }));
  const ground = { fetch, machine: {} as CommandMachine };
  const code = await runCommand(DIFF, words, io, (line) => diffCommand(line, io, ground))
    .catch((thrown) => String(thrown));
  return { code, out, err };
}

Deno.test("with --exit-code the same is 0, a difference 1, and what cannot be told 2", async () => {
  const same = await diff(["--exit-code"], []);
  assert.deepEqual([same.code, same.out], [
    0,
    "Nothing differs from what the kernel was told last (revision 3).\n",
  ]);
  const other = await diff(["--exit-code"], [CHANGE]);
  assert.deepEqual([other.code, other.out.split("\n", 1)[0]], [1, "- default/web/TCP/IPv4"]);
  const dead = await diff(["--exit-code"]);
  assert.equal(dead.code, 2);
  assert.match(dead.err, /^weir: Cannot ask weir at .*nobody answers.*\(WEIR_UNREACHABLE\)\n$/);
});

Deno.test("without it a difference is no failure, and trouble is told by whoever runs commands", async () => {
  assert.equal((await diff([], [CHANGE])).code, 0);
  assert.match(String((await diff([])).code), /WeirError: Cannot ask weir at/);
});

const SILENT = {
  milliseconds: 90_000,
  plural: "services",
  reason: "401 Unauthorized",
  remedy: "check the token",
};
const WARNINGS = [
  [
    "the API server tells nothing",
    { silent: SILENT },
    /^warning: nothing is heard of services for 90 s, .*: 401 Unauthorized \(check the token\)\n$/,
  ],
  [
    "a plugin is parked",
    { parked: [{ plugin: "mine", reason: "it died 5 times" }] },
    /^warning: mine is parked: it died 5 times; mend it, or configure another; .*restart/,
  ],
  ["syncs fail", { failures: 2 }, /^warning: the last syncs failed \(2\): .*weir's log/],
  ["nothing is programmed", { revision: 0 }, /^warning: weir has programmed nothing yet: /],
] as const;

for (const [what, pending, expected] of WARNINGS) {
  Deno.test(`who asks while ${what} is warned of it, whatever differs`, async () => {
    assert.match((await diff([], [CHANGE], pending)).err, expected);
  });
}

Deno.test("one difference is one, and two are two", async () => {
  assert.match((await diff([], [CHANGE])).out, /^1 difference from /m);
  assert.match((await diff([], [CHANGE, CHANGE])).out, /^2 differences from /m);
});

Deno.test("--all is refused where there are no rules to tell whole", async () => {
  const { code, err } = await diff(["--all"], []);
  assert.equal(code, 2);
  assert.match(err, /Cannot use flag "--all": it means nothing without --rules/);
});

Deno.test("flags that no proxy takes are refused before anybody is asked", async () => {
  for (
    const [words, message] of [
      [["--bogus"], /Cannot compare "--bogus": .*unknown flag/],
      [["extra"], /Cannot compare "extra": .*neither a flag nor a command/],
      [["--version"], /it asks for version, not for a proxy/],
    ] as const
  ) {
    const { code, err } = await diff(words);
    assert.deepEqual([code, err.includes("nobody answers")], [2, false]);
    assert.match(err, message);
  }
});
