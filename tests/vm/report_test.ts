import assert from "node:assert/strict";
import { readReports } from "./report.ts";

const TEXT = `group kernel 0
<?xml version="1.0"?>
<testsuites>
</testsuites>

group capabilities 124

`;

Deno.test("each group's report is told apart, with how the group ended", () => {
  const { groups, ended } = readReports(`${TEXT}end\n`);
  assert.equal(ended, true);
  assert.deepEqual(groups.get("kernel"), {
    exit: 0,
    xml: '<?xml version="1.0"?>\n<testsuites>\n</testsuites>',
  });
  assert.deepEqual(groups.get("capabilities"), {
    exit: "killed: its time in the guest was up",
    xml: "",
  });
});

Deno.test("a guest that died has said no end, and what it told before counts", () => {
  assert.deepEqual(readReports(""), { groups: new Map(), ended: false });
  const { groups, ended } = readReports(TEXT.slice(0, 50));
  assert.equal(ended, false);
  assert.deepEqual([...groups.keys()], ["kernel"]);
});
