import assert from "node:assert/strict";
import { recordingTracing } from "../../host/telemetry/recording_tracing.ts";
import type { TraceSpan } from "../../host/telemetry/trace.ts";
import { hostileCode, runHostile } from "./sandbox.ts";

const code = await hostileCode("wire.ts");
const snapshot = {
  revision: 1,
  settings: {
    families: ["IPv4", "IPv6"] as const,
    masqueradeAll: false,
    masqueradeBit: 14,
    localMatches: [],
    nodePorts: { type: "listed" as const, addresses: [] },
    serviceCIDRs: [],
  },
  ports: [],
};

/** What a plugin sends first, and how its death is reported. */
const GREETINGS: readonly (readonly [string, RegExp])[] = [
  ["garbage", /WEIR_PLUGIN_PROTOCOL: .* it has \d+ bytes, the limit is 67108864/],
  ["an oversized frame", /WEIR_PLUGIN_PROTOCOL: .* it has 1073741824 bytes, the limit is/],
  ["an oversized header", /WEIR_PLUGIN_PROTOCOL: .* its header has 33554428 bytes, the limit is/],
  ["a header longer than its frame", /PROTOCOL: .* its header has 100 bytes, the whole frame 10/],
  ["no JSON", /WEIR_PLUGIN_PROTOCOL: .* its header is not JSON/],
  ["no UTF-8", /WEIR_PLUGIN_PROTOCOL: .* its header is not JSON/],
  ["a wrong first message", /WEIR_PLUGIN_PROTOCOL: .* its first message is not a welcome/],
  ["a second welcome", /WEIR_PLUGIN_PROTOCOL: .* welcome after the handshake/],
  ["an ack for nothing", /WEIR_PLUGIN_PROTOCOL: .* ack of 7/],
  ["a return for nothing", /WEIR_PLUGIN_PROTOCOL: .* return for call 7, which is not in progress/],
  ["a pong for nothing", /WEIR_PLUGIN_PROTOCOL: .* pong 1/],
  ["a profile for nobody", /WEIR_PLUGIN_PROTOCOL: .* answer 1/],
  ["an unknown type", /WEIR_PLUGIN_PROTOCOL: .* type: /],
  ["an unknown field", /WEIR_PLUGIN_PROTOCOL: .* extra: /],
  ["a stray attachment", /WEIR_PLUGIN_PROTOCOL: .* pong has an attachment/],
  ["a log with an object", /WEIR_PLUGIN_PROTOCOL: .* fields.deep: /],
  ["too many spans", /WEIR_PLUGIN_PROTOCOL: .* spans: Invalid length/],
  ["a span with a long name", /WEIR_PLUGIN_PROTOCOL: .* spans\.0\.name: Invalid length/],
  ["a span with many attributes", /spans\.0\.attributes: must be an object of at most 16 entries/],
  ["a span that begins before its call", /WEIR_PLUGIN_PROTOCOL: .* spans\.0\.start: /],
  ["a log with many fields", /PROTOCOL: .* fields: must be an object of at most 32 entries/],
  ["a log with a prototype", /PROTOCOL: .* __proto__: Invalid key/],
  ["nothing and ends", /WEIR_PLUGIN_DIED: .* it ended before its welcome/],
  ["half a frame", /WEIR_PLUGIN_PROTOCOL: .* the stream ended 96 bytes early/],
];

for (const [attack, expected] of GREETINGS) {
  Deno.test(`a plugin that sends ${attack} is killed and waits for its next start`, async () => {
    await using hostile = await runHostile(code, { attack });
    assert.match(await hostile.death(), expected);
    assert.equal(hostile.plugin.state().type, "waiting");
  });
}

/** What a plugin says of itself, and why it is refused. */
const REFUSALS: readonly (readonly [string, RegExp])[] = [
  ["api 2", /"wire": it speaks api 2, weir 0.1.0 speaks api 1; upgrade weir/],
  ["api 0", /"wire": it speaks api 0, weir 0.1.0 speaks api 1; build the plugin anew/],
  ["a bad name", /name: must be 1–63 of a–z/],
  [
    "a refusal",
    /it refuses: I only speak api 7; weir 0.1.0 speaks api 1; use the plugin's release/,
  ],
  ["a reserved table", /it wants the nft table "kube-proxy", which belongs to another program/],
];

for (const [attack, expected] of REFUSALS) {
  Deno.test(`a plugin with ${attack} is refused, with both sides and the remedy`, async () => {
    await using hostile = await runHostile(code, { attack });
    const death = await hostile.death();
    assert.match(death, /^WEIR_PLUGIN_REFUSED: /);
    assert.match(death, expected);
    assert.equal(hostile.plugin.state().type, "parked", "starting again cannot help");
  });
}

/** What a plugin answers to a call, and why the call rejects. */
const ANSWERS: readonly (readonly [string, string, RegExp])[] = [
  ["a return without ack", "WEIR_PLUGIN_PROTOCOL", /return for call 1, which is not in progress/],
  ["no ack", "WEIR_PLUGIN_TIMEOUT", /it hangs: no sign of life for \d+ ms/],
  ["two acks", "WEIR_PLUGIN_PROTOCOL", /ack of 1/],
  ["a wrong result", "WEIR_PLUGIN_PROTOCOL", /resync returned a value: /],
  [
    "a capability never granted",
    "WEIR_GRANT_EXCEEDED",
    /it invoked the capability "sysctl", granted are: none/,
  ],
];

for (const [attack, code_, expected] of ANSWERS) {
  Deno.test(`a plugin that answers a call with ${attack} is killed`, async () => {
    await using hostile = await runHostile(code, { attack, limits: { ackMs: 300 } });
    await hostile.ready;
    await assert.rejects(hostile.plugin.call("resync", snapshot), (error: Error) => {
      assert.equal((error as { code?: string }).code, code_);
      assert.match(error.message, expected);
      return true;
    });
    await hostile.death();
  });
}

Deno.test("a plugin whose explanation has the wrong shape goes on, and who asked hears of it", async () => {
  await using hostile = await runHostile(code, { attack: "a wrong result" });
  await hostile.ready;
  const query = { ip: "10.96.0.10", port: 80, protocol: "TCP" } as const;
  for (let count = 0; count < 2; count++) {
    await assert.rejects(hostile.plugin.call("explain", query), {
      code: "WEIR_PLUGIN_FAILED",
      message: /^Cannot explain by plugin "wire": it returned a value: /,
    });
  }
  assert.equal(hostile.plugin.state().type, "ready");
});

for (
  const [attack, expected] of [
    ["spans announced and not told", /WEIR_PLUGIN_PROTOCOL: .* log: the spans of call 1 are due/],
    ["the spans of another call", /WEIR_PLUGIN_PROTOCOL: .* spans: the spans of call 1 are due/],
    ["spans announced and silence", /WEIR_PLUGIN_TIMEOUT: .* no sign of life for \d+ ms/],
  ] as const
) {
  Deno.test(`a plugin with ${attack} is killed, its call succeeds and its trace ends`, async () => {
    const { tracing, traces } = recordingTracing(() => performance.now());
    const limits = { ackMs: 300, heartbeatMs: 100 };
    await using hostile = await runHostile(code, { attack, limits });
    await hostile.ready;
    const sync = (span: TraceSpan) => hostile.plugin.call("resync", snapshot, { span });
    assert.equal(await tracing.sync({}, performance.now(), sync), null);
    assert.match(await hostile.death(), expected);
    assert.equal(traces.length, 1);
    assert.ok(traces[0]?.spans.some(({ name }) => name === "weir.plugin.handler"));
  });
}

Deno.test("a plugin that returns twice is killed, though the call has succeeded", async () => {
  await using hostile = await runHostile(code, { attack: "two returns" });
  await hostile.ready;
  assert.equal(await hostile.plugin.call("resync", snapshot), null);
  assert.match(await hostile.death(), /return for call 1, which is not in progress/);
});
