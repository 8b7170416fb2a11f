import assert from "node:assert/strict";
import {
  AgentReportSchema,
  AgentRequestSchema,
  messageLine,
  readMessages,
  StoryEventSchema,
} from "./message.ts";

async function readAll(
  chunks: readonly Uint8Array<ArrayBuffer>[],
  schema: Parameters<typeof readMessages>[1],
): Promise<unknown[]> {
  const messages: unknown[] = [];
  for await (const message of readMessages(ReadableStream.from(chunks), schema)) {
    messages.push(message);
  }
  return messages;
}

Deno.test("messages arrive whole, however the bytes are cut", async () => {
  const sent = [
    { type: "failed", id: 1, why: "é → ü" },
    { type: "probed", id: 2, outcomes: [{ result: "answered", by: "echo-1", ms: 0.25 }] },
    { type: "sample", startedAt: 1.5, outcome: { result: "silent", ms: 3 } },
  ] as const;
  const bytes = sent.flatMap((message) => [
    ...messageLine(
      message.type === "probed" ? { ...message, outcomes: [...message.outcomes] } : message,
    ),
  ]);
  for (const size of [1, 2, 7, bytes.length]) {
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    for (let start = 0; start < bytes.length; start += size) {
      chunks.push(new Uint8Array(bytes.slice(start, start + size)));
    }
    assert.deepEqual(await readAll(chunks, AgentReportSchema), sent);
  }
});

for (
  const [sentence, schema, text] of [
    ["that is no JSON", AgentReportSchema, "ready\n"],
    ["of an unknown type", AgentRequestSchema, '{"type":"stop it"}\n'],
    ["with a field too many", StoryEventSchema, '{"type":"finished","faults":[],"x":1}\n'],
    [
      "with a port out of range",
      AgentRequestSchema,
      '{"type":"bridge","id":1,"path":"","port":0}\n',
    ],
  ] as const
) {
  Deno.test(`a message ${sentence} is refused`, async () => {
    await assert.rejects(readAll([new TextEncoder().encode(text)], schema));
  });
}
