import assert from "node:assert/strict";
import plugin from "./lint.ts";

function rulesBroken(path: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, path, source).map((found) => found.id.replace("weir/", ""));
}

Deno.test("each lint rule catches its offender where it matters and nowhere else", () => {
  for (
    const [source, rule, guilty, innocent] of [
      ["enum A { B }", "no-enum", "host/a.ts", "elsewhere/a.ts"],
      ["export default 1;", "default-export", "host/a.ts", "plugins/x/plugin.ts"],
      ["export default 1;", "default-export", "plugins/x/part.ts", "examples/x/plugin.ts"],
      [
        'new WeirError("WEIR_BIND", "could not bind");',
        "error-message",
        "host/a.ts",
        "host/a_test.ts",
      ],
      [
        "new WeirError(code, `${name} is bad`);",
        "error-message",
        "schemas/a.ts",
        "schemas/a_test.ts",
      ],
      [
        'new WeirError(code, "Cannot do it: " + why + ".");',
        "error-message",
        "plugins/x/a.ts",
        "plugins/x/a_test.ts",
      ],
      ['Deno.dlopen("libc.so.6", {});', "effects", "host/a.ts", "host/capabilities/libc.ts"],
      ['new Deno.Command("nft");', "effects", "host/cli/a.ts", "host/sandbox/process.ts"],
      ["Deno.exit(1);", "effects", "host/cli/a.ts", "host/main.ts"],
      ["Date.now();", "pure", "host/tracker.ts", "host/telemetry/a.ts"],
      ["new Date();", "pure", "host/resolver/a.ts", "host/resolver/a_test.ts"],
      ["setTimeout(f, 1);", "pure", "host/scheduler.ts", "host/clock.ts"],
      ["Deno.env.get(a);", "pure", "plugins/detect-x/plugin.ts", "plugins/sdk/serve.ts"],
      ['await import("./b.ts");', "static-imports", "host/a.ts", "mod.ts"],
    ] as const
  ) {
    assert.deepEqual(rulesBroken(guilty, source), [rule], `${guilty}: ${source}`);
    assert.deepEqual(rulesBroken(innocent, source), [], `${innocent}: ${source}`);
  }
});

Deno.test("a message that keeps the house style passes in every way of writing it", () => {
  for (
    const message of [
      '"Cannot bind \\"x\\": it is taken"',
      '`Cannot bind "${x}": it is taken`',
      '"Cannot bind " + x + ": it is taken"',
      "message",
      "`${thrown.message}; stderr: ${stderr}`",
    ]
  ) assert.deepEqual(rulesBroken("host/a.ts", `new WeirError("WEIR_BIND", ${message});`), []);
});
