/** What --init-only does, and what it does not. */
import assert from "node:assert/strict";
import { WeirError } from "../../schemas/errors.ts";
import { recordingLog } from "../../tests/kit/recording_log.ts";
import { type InitEffects, initialise } from "./init_only.ts";

function init(effects: Partial<InitEffects> = {}) {
  const { log, lines } = recordingLog();
  const did: string[] = [];
  const ended = initialise({ mode: { type: "builtin", name: "nftables" } }, {
    release: "6.18.44",
    skipKernelCheck: false,
    probe: () => {
      did.push("probe");
      return Promise.resolve({ working: ["IPv4", "IPv6"], lacking: {} });
    },
    tune: () => {
      did.push("tune");
      return Promise.resolve();
    },
    log,
    ...effects,
  });
  return { did, ended, lines };
}

Deno.test("--init-only has the kernel load its modules, tunes the node and says so", async () => {
  const { did, ended, lines } = init();
  await ended;
  assert.deepEqual(did, ["probe", "tune"]);
  assert.deepEqual(lines.map(({ message }) => message), [
    "The node is set up; ending, as --init-only says",
  ]);
});

for (
  const [sentence, effects, code] of [
    ["a kernel that is too old", { release: "4.4.0" }, "WEIR_KERNEL"],
    [
      "a kernel without any family",
      { probe: () => Promise.resolve({ working: [], lacking: { IPv4: "no", IPv6: "no" } }) },
      "WEIR_KERNEL",
    ],
    [
      "a setting that cannot be made",
      { tune: () => Promise.reject(new WeirError("WEIR_PLUGIN_FAILED", "Cannot tune")) },
      "WEIR_PLUGIN_FAILED",
    ],
  ] as const
) {
  Deno.test(`--init-only fails on ${sentence}, and does not say that all is well`, async () => {
    const { ended, lines } = init(effects);
    await assert.rejects(ended, { code });
    assert.deepEqual(lines, []);
  });
}
