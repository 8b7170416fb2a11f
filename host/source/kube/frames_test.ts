import assert from "node:assert/strict";
import fc from "fast-check";
import { type Frames, lengthFrames, lineFrames, LONGEST_FRAME } from "./frames.ts";

const utf8 = new TextEncoder();

function withLength(frame: Uint8Array): Uint8Array {
  const framed = new Uint8Array(4 + frame.length);
  new DataView(framed.buffer).setUint32(0, frame.length);
  framed.set(frame, 4);
  return framed;
}

function withNewline(frame: Uint8Array): Uint8Array {
  return new Uint8Array([...frame, 10]);
}

/** Pushes a stream cut at the given places, reusing one buffer as a socket does. */
function push(frames: Frames, stream: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const seen: Uint8Array[] = [];
  const places = [0, ...cuts.map((cut) => cut % (stream.length + 1)), stream.length];
  places.sort((a, b) => a - b);
  for (const [index, end] of places.entries()) {
    const chunk = stream.slice(places[index - 1] ?? 0, end);
    for (const frame of frames.push(chunk)) seen.push(frame.slice());
    chunk.fill(0xff);
  }
  return seen;
}

const framings: readonly {
  readonly name: string;
  readonly make: () => Frames;
  readonly write: (frame: Uint8Array) => Uint8Array;
  readonly content: fc.Arbitrary<Uint8Array>;
}[] = [
  {
    name: "lines",
    make: lineFrames,
    write: withNewline,
    content: fc.stringMatching(/^[^\n]+$/).map((text) => utf8.encode(text)),
  },
  { name: "lengths", make: lengthFrames, write: withLength, content: fc.uint8Array() },
];

for (const { name, make, write, content } of framings) {
  Deno.test(`events framed by ${name} come out whole however the network cuts them`, () => {
    fc.assert(
      fc.property(fc.array(content), fc.array(fc.nat()), (frames, cuts) => {
        const stream = new Uint8Array(frames.flatMap((frame) => [...write(frame)]));
        const seen = push(make(), stream, cuts);
        assert.deepEqual(seen.map((frame) => [...frame]), frames.map((frame) => [...frame]));
      }),
      { seed: 3, numRuns: 500 },
    );
  });
}

Deno.test("empty lines between events are passed over", () => {
  assert.deepEqual(lineFrames().push(utf8.encode("\n\na\n\n")), [utf8.encode("a")]);
});

Deno.test("an event that is announced too long is refused before it is collected", () => {
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, LONGEST_FRAME + 1);
  assert.throws(() => lengthFrames().push(head), { code: "WEIR_DECODE" });
});

Deno.test("a line without an end is refused when it grows too long", () => {
  const frames = lineFrames();
  const mebibyte = new Uint8Array(1024 * 1024).fill(97);
  assert.throws(() => {
    for (let count = 0; count < 20; count++) frames.push(mebibyte);
  }, { code: "WEIR_DECODE" });
});
