import assert from "node:assert/strict";
import type { Flag } from "./flag.ts";
import { FLAGS } from "./flags.ts";
import { parseFlags } from "./parser.ts";

Deno.test("a flag given twice has its last value", () => {
  const given = parseFlags(["--v=1", "--proxy_mode", "nftables", "-v", "4"], FLAGS);
  assert.deepEqual([...given], [["v", "4"], ["proxy-mode", "nftables"]]);
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
    /weir --cluster-cdr=1": unknown flag --cluster-cdr \(did you mean --cluster-cidr\?\)$/,
  ],
  [["--masqerade_all"], /\(did you mean --masquerade-all\?\)$/],
  [["--nothing-like-it"], /unknown flag --nothing-like-it$/],
  [["-q"], /unknown flag -q$/],
  [["demo2"], /"demo2" is neither a flag nor a command$/],
  [["--v=1", "--", "--v=2"], /"--v=2" is neither a flag nor a command$/],
  [["--masquerade-all", "false"], /"false" is neither a flag nor a command$/],
  [["--kubeconfig"], /flag --kubeconfig needs a value <path>$/],
];

for (const [args, message] of refused) {
  Deno.test(`weir ${args.join(" ")} is refused and says why`, () => {
    assert.throws(() => parseFlags(args, FLAGS), { code: "WEIR_CONFIG_INVALID", message });
    assert.throws(() => parseFlags(args, FLAGS), /^WeirError: Cannot use command line "weir/);
  });
}

Deno.test("one more row is one more flag of the parser", () => {
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
  assert.equal(parseFlags(["--cleanup_now"], [...FLAGS, row]).get("cleanup-now"), "true");
});
