import assert from "node:assert/strict";
import { groupCommand } from "./command.ts";
import type { TestGroup } from "./groups.ts";

const group: TestGroup = {
  name: "kernel",
  paths: ["tests/kernel"],
  kind: "tests",
  place: "namespaces",
  tools: [],
  permissions: ["--allow-run={deno},nft"],
  limit: 1,
};
const options = { deno: "/opt/deno", privileged: true, report: "r.xml" };

Deno.test("a group's command gives the permissions of its row and no other", () => {
  const words = groupCommand({ ...group, place: "caller" }, ["a_test.ts"], options);
  assert.equal(words[0], "/opt/deno");
  assert.deepEqual(words.filter((word) => word.startsWith("--allow")), [
    "--allow-run=/opt/deno,nft",
  ]);
  assert.equal(words.at(-1), "a_test.ts");
});

Deno.test("only who is not root makes a user namespace first", () => {
  const first = groupCommand(group, [], options);
  assert.ok(first.includes("--net") && !first.includes("--user"));
  const second = groupCommand(group, [], { ...options, privileged: false });
  assert.ok(second.includes("--user") && second.includes("--map-root-user"));
});

Deno.test("documentation is run as documentation", () => {
  assert.ok(groupCommand({ ...group, kind: "examples" }, [], options).includes("--doc"));
  assert.ok(!groupCommand(group, [], options).includes("--doc"));
});
