/**
 * A plugin that does without the SDK and breaks the wire itself; the host says how as the node's
 * kernel release.
 *
 * @module
 */
import type { Pipe } from "weir";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function bytes(header: Uint8Array, attachment: Uint8Array = new Uint8Array()): Uint8Array {
  const frame = new Uint8Array(8 + header.length + attachment.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, frame.length - 4, true);
  view.setUint32(4, header.length, true);
  frame.set(header, 8);
  frame.set(attachment, 8 + header.length);
  return frame;
}

/**
 * Writes a frame.
 *
 * @param message Anything that JSON can say.
 * @param attachment The bytes behind it; none if left out.
 * @returns Its bytes.
 */
export function frame(message: unknown, attachment?: Uint8Array): Uint8Array {
  return bytes(encoder.encode(JSON.stringify(message)), attachment);
}

/** Spans of a call that nobody made. */
function spans(told: readonly object[]): Uint8Array {
  const whole = told.map((span) => ({ name: "n", start: 0, end: 1, attributes: {}, ...span }));
  return frame({ type: "spans", call: 1, elapsed: 1, dropped: 0, spans: whole });
}

function lengths(total: number, header: number): Uint8Array {
  const words = new Uint8Array(8);
  new DataView(words.buffer).setUint32(0, total, true);
  new DataView(words.buffer).setUint32(4, header, true);
  return words;
}

const manifest = {
  kind: "proxier",
  name: "wire",
  version: "0.1.0",
  api: 1,
  requires: {},
  uses: {},
};
const welcome = frame({ type: "welcome", manifest });

/** Instead of a welcome. */
const GREETINGS: Readonly<Record<string, readonly Uint8Array[]>> = {
  "garbage": [new Uint8Array(4096).fill(0xa5)],
  "an oversized frame": [lengths(1024 * 1024 * 1024, 2)],
  "an oversized header": [lengths(32 * 1024 * 1024, 32 * 1024 * 1024 - 4)],
  "a header longer than its frame": [lengths(10, 100)],
  "no JSON": [bytes(encoder.encode("{"))],
  "no UTF-8": [bytes(new Uint8Array([0x22, 0xff, 0x22]))],
  "a wrong first message": [frame({ type: "pong", id: 1 })],
  "api 2": [frame({ type: "welcome", manifest: { ...manifest, api: 2, extra: {} } })],
  "api 0": [frame({ type: "welcome", manifest: { ...manifest, api: 0 } })],
  "a bad name": [frame({ type: "welcome", manifest: { ...manifest, name: "../x" } })],
  "a refusal": [frame({ type: "refuse", reason: "I only speak api 7" })],
  "a reserved table": [frame({
    type: "welcome",
    manifest: { ...manifest, requires: { nft: { version: 1, table: "kube-proxy" } } },
  })],
  "a second welcome": [welcome, welcome],
  "an ack for nothing": [welcome, frame({ type: "ack", id: 7 })],
  "a return for nothing": [welcome, frame({ type: "return", id: 7, value: null })],
  "a pong for nothing": [welcome, frame({ type: "pong", id: 1 })],
  "a profile for nobody": [welcome, frame({ type: "inspected", id: 1 }, new Uint8Array(8))],
  "an unknown type": [welcome, frame({ type: "sudo" })],
  "an unknown field": [welcome, frame({ type: "pong", id: 1, extra: true })],
  "a stray attachment": [welcome, frame({ type: "pong", id: 1 }, new Uint8Array(8))],
  "a log with an object": [
    welcome,
    frame({ type: "log", level: "info", message: "m", fields: { deep: { er: 1 } } }),
  ],
  "too many spans": [welcome, spans(Array.from({ length: 200 }, (_, at) => ({ number: at + 1 })))],
  "a span with a long name": [welcome, spans([{ number: 1, name: "n".repeat(65) }])],
  "a span with many attributes": [
    welcome,
    spans([{
      number: 1,
      attributes: Object.fromEntries(Array.from({ length: 20_000 }, (_, key) => [key, 1])),
    }]),
  ],
  "a span that begins before its call": [welcome, spans([{ number: 1, start: -1 }])],
  "a log with many fields": [
    welcome,
    frame({
      type: "log",
      level: "info",
      message: "m",
      fields: Object.fromEntries(Array.from({ length: 20_000 }, (_, key) => [key, 1])),
    }),
  ],
  "a log with a prototype": [
    welcome,
    bytes(encoder.encode('{"type":"pong","id":1,"__proto__":{"type":"log"}}')),
  ],
  "nothing and ends": [],
  "half a frame": [welcome, lengths(100, 50)],
};

/**
 * Finds the calls in a chunk of whole frames.
 *
 * @param chunk As it was read.
 * @returns Their ids.
 */
export function* callsIn(chunk: Uint8Array): Generator<number> {
  const view = new DataView(chunk.buffer, chunk.byteOffset);
  for (let at = 0; at < chunk.length; at += 4 + view.getUint32(at, true)) {
    const header = chunk.subarray(at + 8, at + 8 + view.getUint32(at + 4, true));
    const message = JSON.parse(decoder.decode(header));
    if (message.type === "call") yield message.id;
  }
}

/** In answer to a call. */
const ANSWERS: Readonly<Record<string, (id: number) => readonly Uint8Array[]>> = {
  "a return without ack": (id) => [frame({ type: "return", id, value: null })],
  "no ack": () => [],
  "two acks": (id) => [frame({ type: "ack", id }), frame({ type: "ack", id })],
  "two returns": (id) => [
    frame({ type: "ack", id }),
    frame({ type: "return", id, value: null }),
    frame({ type: "return", id, value: null }),
  ],
  "spans announced and not told": (id) => [
    frame({ type: "ack", id }),
    frame({ type: "return", id, value: null, spans: true }),
    frame({ type: "log", level: "info", message: "m", fields: {} }),
  ],
  "the spans of another call": (id) => [
    frame({ type: "ack", id }),
    frame({ type: "return", id, value: null, spans: true }),
    frame({ type: "spans", call: id + 1, elapsed: 1, dropped: 0, spans: [] }),
  ],
  "spans announced and silence": (id) => [
    frame({ type: "ack", id }),
    frame({ type: "return", id, value: null, spans: true }),
  ],
  "a wrong result": (id) => [
    frame({ type: "ack", id }),
    frame({ type: "return", id, value: { rules: 3 } }),
  ],
  "a capability never granted": (id) => [
    frame({ type: "ack", id }),
    frame({ type: "invoke", id: 1, call: id, capability: "sysctl", method: "set", params: {} }),
  ],
};

async function serve({ fill, write }: Pipe): Promise<void> {
  const hello = await fill(new Uint8Array(65536));
  if (hello === null) return;
  const header = new DataView(hello.buffer).getUint32(4, true);
  const { node } = JSON.parse(decoder.decode(hello.subarray(8, 8 + header)));
  for (const piece of GREETINGS[node.kernel] ?? [welcome]) write(piece);
  if (node.kernel === "half a frame" || node.kernel === "nothing and ends") return;
  for (;;) {
    const chunk = await fill(new Uint8Array(65536));
    if (chunk === null) return;
    for (const id of callsIn(chunk)) {
      for (const piece of ANSWERS[node.kernel]?.(id) ?? []) write(piece);
    }
  }
}

export default { "~serve": serve };
