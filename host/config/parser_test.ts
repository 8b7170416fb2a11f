import assert from "node:assert/strict";
import { type Flag, FLAG_SECTIONS } from "./flag.ts";
import { FLAGS } from "./flags.ts";
import { helpText, parseFlags } from "./parser.ts";

const help = helpText(FLAGS, [{ name: "demo", summary: "Show it." }]);

Deno.test("the help names every flag and command, in at most 100 columns", () => {
  for (const flag of FLAGS) assert.match(help, new RegExp(`^ .*--${flag.name}\\b`, "m"));
  assert.match(help, /^Commands:\n {6}demo +Show it\.$/m);
  assert.deepEqual(help.split("\n").filter((line) => line.length > 100), []);
});

Deno.test("the help shows the sections in order and the descriptions in one column", () => {
  const headings = help.split("\n").filter((line) => /^[A-Z][a-z ]+:$/.test(line));
  assert.deepEqual(headings, [...FLAG_SECTIONS.map((section) => `${section}:`), "Commands:"]);
  const columns = help.split("\n")
    .flatMap((line) => /^ {2,6}(?:-\w, )?(?:--\S+(?: <\S+>)?|demo) +(?=\S)/.exec(line) ?? [])
    .map((match) => match.length);
  assert.equal(columns.length, FLAGS.length + 1);
  assert.equal(new Set(columns).size, 1);
});

Deno.test("the help says what is taken when nothing is said", () => {
  assert.match(help, /--proxy-mode[^(]+\([^(]*\(default\s+nftables\)/);
  assert.match(help, /--metrics-bind-address[^(]+\(default\s+127\.0\.0\.1:10249\)/);
});

Deno.test("a flag given twice has its last value", () => {
  const given = parseFlags(["--v=1", "--proxy_mode", "nftables", "-v", "4"], FLAGS);
  assert.deepEqual([...given], [["proxy-mode", "nftables"], ["v", "4"]]);
});

for (
  const [args, value] of [
    [["=10.0.0.0/8,primary", "=fd00::/8"], "10.0.0.0/8,primary,fd00::/8"],
    [["=", "=all"], "all"],
    [["=all", "="], "all"],
    [["="], ""],
  ] as const
) {
  Deno.test(`a list given as ${args.join(" and ")} has the entries of each time`, () => {
    const given = parseFlags(args.map((text) => `--nodeport-addresses${text}`), FLAGS);
    assert.equal(given.get("nodeport-addresses"), value);
  });
}

const refused: readonly (readonly [string[], RegExp])[] = [
  [
    ["--cluster-cdr=1"],
    /weir --cluster-cdr=1": unknown option .*\(Did you mean --cluster-cidr\?\)$/,
  ],
  [["--masqerade_all"], /\(Did you mean --masquerade-all\?\)$/],
  [["-q"], /unknown option '-q'$/],
  [["demo2"], /too many arguments\. Expected 0 arguments but got 1: demo2\.$/],
  [["--masquerade-all", "false"], /too many arguments/],
  [["--kubeconfig"], /'--kubeconfig <path>' argument missing$/],
];

for (const [args, message] of refused) {
  Deno.test(`weir ${args.join(" ")} is refused and says why`, () => {
    assert.throws(() => parseFlags(args, FLAGS), { code: "WEIR_CONFIG_INVALID", message });
    assert.throws(() => parseFlags(args, FLAGS), /^WeirError: Cannot use command line "weir/);
  });
}

Deno.test("one more row is one more flag of the parser and the help", () => {
  const row: Flag = {
    name: "cleanup-now",
    type: "bool",
    placeholder: "",
    section: "Other",
    target: { kind: "option", path: "initOnly" },
    help: "Do so.",
    since: "1.24",
    deprecated: "use nothing",
  };
  const flags = [...FLAGS, row];
  assert.equal(parseFlags(["--cleanup_now"], flags).get("cleanup-now"), "true");
  assert.match(helpText(flags, []), /--cleanup-now +Do so\. Deprecated: use nothing\./);
});
