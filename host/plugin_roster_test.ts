import assert from "node:assert/strict";
import { PluginRoster } from "./plugin_roster.ts";
import type { PluginState } from "./sandbox/supervisor.ts";

function plugin(restarts: number) {
  let state: PluginState = { type: "starting" };
  return {
    state: () => state,
    restarts: () => restarts,
    become: (next: PluginState) => state = next,
  };
}

const enrolment = { kind: "proxier", mode: "warm", sha256: "5" } as const;

Deno.test("plugins are listed by name with what they do now, until they are stopped for good", () => {
  const roster = new PluginRoster();
  const [one, other] = [plugin(2), plugin(0)];
  roster.enrol({ ...enrolment, name: "one" }, one);
  const admit = roster.enrol({ ...enrolment, name: "a-first" }, other);
  const manifest = {
    ...{ kind: "proxier", name: "a-first", version: "0.1.0", api: 1 } as const,
    requires: {},
    uses: {},
  };
  admit({ manifest, grants: { nft: { version: 1, table: "weir" } } });
  other.become({ type: "parked", reason: "it died" });
  const told = () =>
    roster.list().map(({ name, state, restarts, admitted }) =>
      `${name} ${state.type} ${restarts} ${admitted?.grants.nft?.table}`
    );
  assert.deepEqual(told(), ["a-first parked 0 weir", "one starting 2 undefined"]);
  one.become({ type: "stopped" });
  assert.deepEqual(told(), ["a-first parked 0 weir"]);
});
