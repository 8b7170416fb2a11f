import assert from "node:assert/strict";
import {
  MessageWriter,
  readAcknowledgement,
  readAttributes,
  readMessages,
  readText,
} from "./netlink_message.ts";

Deno.test("a written message reads back with its attributes, nested ones included", () => {
  const bytes = new MessageWriter(0x0a03, 5, 77).fixed([2, 0, 0, 0])
    .text(1, "weir").u32(2, 0x01020304)
    .nested(4, (inner) => inner.u32(1, 9)).finish();
  const [message, ...others] = readMessages(bytes);
  assert.equal(others.length, 0);
  assert.deepEqual([message?.type, message?.flags, message?.sequence], [0x0a03, 5, 77]);
  const attributes = readAttributes(bytes, 20);
  assert.equal(readText(attributes.get(1) ?? new Uint8Array()), "weir");
  assert.deepEqual([...attributes.get(2) ?? []], [4, 3, 2, 1]);
  assert.deepEqual([...readAttributes(attributes.get(4) ?? new Uint8Array(), 0).keys()], [1]);
});

Deno.test("a message grows beyond its first memory", () => {
  const writer = new MessageWriter(16, 1, 1);
  for (let index = 0; index < 1000; index++) writer.u32(1, index);
  assert.equal(writer.finish().length, 16 + 8 * 1000);
});

Deno.test("a message whose length does not fit is an error and not an endless loop", () => {
  for (const length of [0, 15, 21]) {
    const bytes = new Uint8Array(20);
    new DataView(bytes.buffer).setUint32(0, length, true);
    assert.throws(() => [...readMessages(bytes)], { code: "WEIR_NETLINK" });
  }
});

Deno.test("an acknowledgement carries the kernel's words", () => {
  const capped = new MessageWriter(2, 0x100 | 0x200, 5)
    .fixed(new Uint8Array(new Int32Array([-17]).buffer)).fixed(new Uint8Array(16))
    .text(1, "Table exists").finish();
  const [message] = readMessages(capped);
  assert.ok(message);
  assert.deepEqual(readAcknowledgement(message), {
    errno: 17,
    sequence: 5,
    detail: "Table exists",
  });
});
