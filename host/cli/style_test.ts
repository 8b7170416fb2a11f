import assert from "node:assert/strict";
import { createStyle, formatTable, visibleWidth, wantsColour } from "./style.ts";

const cases: readonly (readonly [boolean, Record<string, string>, boolean])[] = [
  [true, {}, true],
  [true, { TERM: "xterm" }, true],
  [true, { NO_COLOR: "" }, true],
  [true, { NO_COLOR: "1" }, false],
  [true, { NO_COLOR: "0" }, false],
  [true, { TERM: "dumb" }, false],
  [false, {}, false],
];

for (const [terminal, env, colour] of cases) {
  const where = `${terminal ? "a terminal" : "a pipe"} with ${JSON.stringify(env)}`;
  Deno.test(`${where} gets ${colour ? "colours" : "plain text"}`, () => {
    assert.equal(wantsColour(terminal, (name) => env[name]), colour);
  });
}

Deno.test("an accent is ended where its text ends, and absent where it is not wanted", () => {
  assert.equal(createStyle(true).green("ok"), "\x1b[32mok\x1b[39m");
  assert.equal(createStyle(true).bold("ok"), "\x1b[1mok\x1b[22m");
  assert.equal(createStyle(false).red("ok"), "ok");
});

Deno.test("a table lines up, with accents, right-aligned numbers and short rows", () => {
  const { green } = createStyle(true);
  assert.equal(visibleWidth(green("café")), 4);
  assert.equal(
    formatTable([["name", "count", "state"], [green("a"), "7", "up"], ["longer"]], {
      indent: 2,
      right: [1],
    }),
    `  name    count  state\n  ${green("a")}           7  up\n  longer\n`,
  );
  assert.equal(formatTable([]), "");
});
