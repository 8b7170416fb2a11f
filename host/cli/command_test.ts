import assert from "node:assert/strict";
import { commandHelp, parseCommand, runCommand } from "./command.ts";
import { type CommandSpec, OUTPUT, SERVER } from "./command_spec.ts";
import { SPECS } from "./specs.ts";

const SPEC: CommandSpec = {
  name: "look",
  summary: "Look at something",
  words: "<thing>",
  count: [1, 1],
  options: [{ name: "all", placeholder: "", help: "Everything" }, OUTPUT, SERVER],
  examples: [["weir look here", "at this place"]],
};

async function run(spec: CommandSpec, args: readonly string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runCommand(spec, args, {
    stdout: (text) => out.push(text),
    stderr: (text) => err.push(text),
    terminal: { stdout: false, stderr: false },
    env: () => undefined,
    hostname: () => "node-1",
    readText: () => Promise.reject(new Error("not read")),
    writeText: () => Promise.reject(new Error("not written")),
  }, async (line) => {
    out.push([line.words.join(","), line.value("output"), line.has("all")].join(" "));
    return 7;
  });
  return { code, out: out.join(""), err: err.join("") };
}

Deno.test("a subcommand gets its words and flags, with defaults", async () => {
  assert.deepEqual(await run(SPEC, ["here"]), { code: 7, out: "here text false", err: "" });
  assert.equal((await run(SPEC, ["--all", "here", "-o", "json"])).out, "here json true");
  assert.equal((await run(SPEC, ["here", "--output=yaml"])).out, "here yaml false");
});

Deno.test("a subcommand that is not understood ends with 2 and says what is wrong", async () => {
  for (
    const [args, reason] of [
      [[], /<thing> is missing/],
      [["a", "b"], /too many arguments/],
      [["a", "--al"], /unknown option '--al'/],
      [["a", "-o", "xml"], /Allowed choices are text, json, yaml/],
      [["a", "--server", "example.com"], /Cannot use --server "example.com": it is neither/],
    ] as const
  ) {
    const { code, out, err } = await run(SPEC, args);
    assert.deepEqual([code, out], [2, ""]);
    assert.match(err, reason);
    assert.match(err, /Run weir look --help/);
  }
});

Deno.test("what a subcommand's own flags and words cannot be is refused with 2", async () => {
  for (
    const [name, args, reason] of [
      ["top", ["-n", "0"], /Cannot use --number "0": it is no whole number from 1 on/],
      ["top", ["-n", "1e3"], /Cannot use --number "1e3"/],
      ["diff", ["--all"], /Cannot use flag "--all": it means nothing without --rules/],
      ["completion", ["tcsh"], /Cannot use "tcsh": there are bash, zsh, fish/],
    ] as const
  ) {
    const spec = SPECS.find((each) => each.name === name) ?? assert.fail(name);
    const { code, out, err } = await run(spec, args);
    assert.deepEqual([code, out], [2, ""], name);
    assert.match(err, reason);
  }
});

Deno.test("each subcommand has help within 100 columns, with an example of each use", async () => {
  for (const spec of SPECS) {
    const { code, out } = await run(spec, ["--help"]);
    assert.equal(code, 0);
    assert.equal(out, commandHelp(spec));
    assert.ok(out.startsWith(`Usage: weir ${spec.name} `), out);
    for (const line of out.split("\n")) assert.ok(line.length <= 100, line);
    for (const [example] of spec.examples) assert.ok(out.includes(example));
  }
});

Deno.test("the flags of the proxy pass through a subcommand that takes them", () => {
  const line = parseCommand({ ...SPEC, count: [0, 0], proxyFlags: true }, [
    "--manifests=dir",
    "-o",
    "json",
    "--v",
    "2",
  ]);
  assert.ok(line !== "help");
  assert.deepEqual([line.words, line.value("output")], [["--manifests=dir", "--v", "2"], "json"]);
});
