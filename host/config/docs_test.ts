import assert from "node:assert/strict";
import { checkConfigFile } from "../cli/config/check.ts";
import { DOCS_MARKERS, flagsMarkdown, flagsSection } from "./docs.ts";
import { FLAGS } from "./flags.ts";

Deno.test("the README's flag table is the flag table", async () => {
  const page = await Deno.readTextFile(new URL("./README.md", import.meta.url));
  const rows = (text: string | undefined) =>
    text?.split("\n")
      // deno fmt pads cells and draws the rule as wide as the column.
      .map((line) => line.replace(/\s*\|\s*/g, "|").replace(/-{3,}/g, "---").trim())
      .filter((line) => line !== "");
  assert.deepEqual(rows(flagsSection(page)), rows(flagsMarkdown(FLAGS)));
});

Deno.test("what would break a Markdown table is escaped", () => {
  const [row] = FLAGS;
  assert.ok(row);
  assert.match(flagsMarkdown([{ ...row, help: "A | b <c>." }]), /\| A \\\| b \\<c>\. \|$/m);
});

Deno.test("a page without markers has no flag section", () => {
  assert.equal(flagsSection("# Flags"), undefined);
  assert.equal(flagsSection(`${DOCS_MARKERS.end}${DOCS_MARKERS.begin}`), undefined);
});

Deno.test("the README's example of a file has no fault", async () => {
  const page = await Deno.readTextFile(new URL("./README.md", import.meta.url));
  const [, example] = /^```yaml\n(.*?)^```$/ms.exec(page) ?? [];
  const { file, problems } = checkConfigFile("README.md", example ?? "");
  assert.deepEqual(problems, []);
  assert.deepEqual(file.present, ["kubeProxy", "weir"]);
});
