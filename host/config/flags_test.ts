import assert from "node:assert/strict";
import { KubeProxySchema } from "../../schemas/config/kube_proxy.ts";
import { WeirSchema } from "../../schemas/config/weir.ts";
import { FLAG_SECTIONS } from "./flag.ts";
import { flagDefault, flagPlace, FLAGS } from "./flags.ts";
import { parseFlagValue } from "./pflag.ts";
import { schemaLeaves } from "./schema_shape.ts";

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
    // What the help shows can be written, and a bool that is off shows nothing.
    const shown = flag.type === "bool" ? flagDefault(flag) || "false" : flagDefault(flag);
    if (shown !== "" || flag.type.startsWith("string")) {
      const read = parseFlagValue(flag.type, shown);
      assert.ok("value" in read, JSON.stringify(read));
    }
    assert.equal(flag.placeholder === "", flag.type === "bool");
    assert.ok(FLAG_SECTIONS.includes(flag.section));
    assert.match(flag.help, /^[A-Z].*\.$/);
    assert.match(flag.since, /^(1\.\d+|weir)$/);
  });
}

/** Of modes' own sections, and of what is too much for a command line. */
const WITHOUT_FLAG = ["clientConnection.acceptContentTypes", "plugins", "limits"];

Deno.test("every field but a few has a flag, and no field has two", () => {
  for (const [root, schema] of [["kubeProxy", KubeProxySchema], ["weir", WeirSchema]] as const) {
    const set = FLAGS.flatMap((flag) => {
      const place = flagPlace(flag);
      return place?.root === root ? place.paths.map((path) => path.join(".")) : [];
    });
    const lacking = schemaLeaves(schema).filter((path) => !set.includes(path));
    assert.deepEqual(
      lacking.filter((path) => !WITHOUT_FLAG.includes(path.replace(/^(limits)\..*/, "$1"))),
      [],
    );
    assert.equal(new Set(set).size, set.length);
  }
});

Deno.test("a row that names no field is a fault that says which", () => {
  const [row] = FLAGS;
  assert.ok(row);
  assert.throws(
    () =>
      flagDefault({
        ...row,
        target: { kind: "field", path: "clientConnection.colour", also: [] },
        type: "string",
      }),
    /no field is at clientConnection\.colour/,
  );
});
