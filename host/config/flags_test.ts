import assert from "node:assert/strict";
import { CONFIG_DEFAULTS } from "../../schemas/config.ts";
import { FLAG_SECTIONS, flagDefault, FLAGS } from "./flags.ts";

Deno.test("every flag has its own name, and every shorthand is one letter of its own", () => {
  const names = FLAGS.map((flag) => flag.name);
  assert.equal(new Set(names).size, names.length);
  assert.deepEqual(names.filter((name) => !/^[a-z][a-z0-9-]*$/.test(name)), []);
  const shorts = FLAGS.flatMap((flag) => flag.short ?? []);
  assert.equal(new Set(shorts).size, shorts.length);
  assert.deepEqual(shorts.filter((short) => !/^[a-zA-Z]$/.test(short)), []);
});

for (const flag of FLAGS) {
  Deno.test(`the row of --${flag.name} agrees with the configuration`, () => {
    const value = flagDefault(flag);
    const types = {
      string: "string",
      strings: "object",
      bool: "boolean",
      int32: "number",
      float32: "number",
    };
    assert.equal(typeof value, types[flag.type]);
    assert.equal(flag.placeholder === "", flag.type === "bool");
    assert.ok(FLAG_SECTIONS.includes(flag.section));
    assert.match(flag.help, /^[A-Z].*\.$/);
    assert.match(flag.since, /^(1\.\d+|weir)$/);
  });
}

Deno.test("every field of the configuration but the nftables timings has a flag", () => {
  const leaves = (tree: object, at: string): string[] =>
    Object.entries(tree).flatMap(([key, value]) =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? leaves(value, `${at}${key}.`)
        : [`${at}${key}`]
    );
  const set = FLAGS.flatMap((flag) => flag.target.kind === "action" ? [] : flag.target.path);
  assert.deepEqual(leaves(CONFIG_DEFAULTS, "").filter((path) => !set.includes(path)), [
    "nftables.syncPeriod",
    "nftables.minSyncPeriod",
  ]);
  assert.equal(new Set(set).size, set.length);
});

Deno.test("a row that names no field is a fault that says which", () => {
  const [row] = FLAGS;
  assert.ok(row);
  assert.throws(
    () => flagDefault({ ...row, target: { kind: "field", path: "clientConnection.colour" } }),
    /Cannot use flag "kubeconfig": no field is at clientConnection\.colour/,
  );
});
