import assert from "node:assert/strict";
import { Agent, type Sample } from "./agent.ts";
import { type AgentReport, AgentRequestSchema, messageLine, readMessages } from "./message.ts";

/** An agent and the other end of its pipes. */
function scripted() {
  const input = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  const output = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  const writer = output.writable.getWriter();
  const agent = new Agent("client", { stdin: input.writable, stdout: output.readable });
  const requests = readMessages(input.readable, AgentRequestSchema);
  return {
    agent,
    next: async () => (await requests.next()).value,
    say: (report: AgentReport) => writer.write(messageLine(report)),
    die: () => writer.close(),
    babble: (text: string) => writer.write(new TextEncoder().encode(text)),
  };
}

const TARGET = { protocol: "TCP", address: "10.96.0.10", port: 80 } as const;

Deno.test("answers find their questions, in whatever order they come", async () => {
  const { agent, next, say } = scripted();
  void say({ type: "ready" });
  await agent.ready();
  const probing = agent.probe(TARGET, 2);
  const getting = agent.get("http://127.0.0.1/");
  const [probe, get] = [await next(), await next()];
  assert.ok(probe?.type === "probe" && get?.type === "get");
  assert.deepEqual([probe.target, probe.count], [TARGET, 2]);
  void say({ type: "got", id: get.id, status: 503, text: "later" });
  void say({ type: "probed", id: probe.id, outcomes: [{ result: "refused", ms: 1 }] });
  assert.deepEqual(await getting, { status: 503, text: "later" });
  assert.deepEqual(await probing, [{ result: "refused", ms: 1 }]);
});

Deno.test("a stream's connections are handed on, the last before it is stopped", async () => {
  const { agent, next, say } = scripted();
  const samples: Sample[] = [];
  const streaming = agent.stream([TARGET], 100, (sample) => samples.push(sample));
  assert.equal((await next())?.type, "stream");
  const stop = await streaming;
  const outcome = { result: "answered", by: "echo-1", ms: 1 } as const;
  void say({ type: "sample", startedAt: 5, outcome });
  const stopping = stop();
  const request = await next();
  assert.ok(request?.type === "stop");
  void say({ type: "sample", startedAt: 6, outcome });
  void say({ type: "done", id: request.id });
  await stopping;
  assert.deepEqual(samples.map(({ startedAt }) => startedAt), [5, 6]);
});

Deno.test("what an agent cannot do is told with its reason", async () => {
  const { agent, next, say } = scripted();
  const bridging = agent.bridge("/x", 80);
  const request = await next();
  assert.ok(request?.type === "bridge");
  void say({ type: "failed", id: request.id, why: "no such folder" });
  await assert.rejects(bridging, { message: 'Cannot ask agent "client": no such folder' });
});

for (
  const [sentence, end, message] of [
    ["ends", "die", /it ended/],
    ["talks nonsense", "babble", /something else than agreed/],
  ] as const
) {
  Deno.test(`who waits for an agent that ${sentence} is told`, async () => {
    const { agent, die, babble } = scripted();
    const waiting = agent.probe(TARGET, 1);
    void (end === "die" ? die() : babble("hello\n"));
    await assert.rejects(waiting, message);
    await assert.rejects(agent.ready(), message);
    await assert.rejects(agent.probe(TARGET, 1), message);
  });
}
