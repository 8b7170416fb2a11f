import assert from "node:assert/strict";
import { type Flag, FLAG_SECTIONS } from "./flag.ts";
import { FLAGS } from "./flags.ts";
import { helpText } from "./help.ts";

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

Deno.test("one more row is one more flag of the help", () => {
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
  assert.match(helpText([...FLAGS, row], []), /--cleanup-now +Do so\. Deprecated: use nothing\./);
});
