import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeFrame, type Fill, FrameReader } from "./frame.ts";

const LIMITS = { frameBytes: 1 << 20, headerBytes: 1 << 19 };

/** A stream that delivers bytes in pieces of the given sizes, over and over. */
function stream(bytes: Uint8Array, sizes: readonly number[] = [65536]): Fill {
  let at = 0;
  let turn = 0;
  return (into) => {
    if (at === bytes.length) return Promise.resolve(null);
    const size = Math.min(sizes[turn++ % sizes.length] ?? 1, into.length, bytes.length - at);
    // As a BYOB reader does: the caller's buffer is detached, the bytes are in another one.
    const { byteOffset } = into;
    const moved = new Uint8Array(into.buffer.transfer());
    moved.set(bytes.subarray(at, at + size), byteOffset);
    at += size;
    return Promise.resolve(moved.subarray(byteOffset, byteOffset + size));
  };
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

async function readAll(reader: FrameReader): Promise<[unknown, Uint8Array][]> {
  const frames: [unknown, Uint8Array][] = [];
  for (;;) {
    const frame = await reader.next();
    if (frame === null) return frames;
    frames.push([JSON.parse(new TextDecoder().decode(frame.header)), frame.attachment]);
  }
}

Deno.test("frames come out as they went in, however the stream is cut", async () => {
  const message = fc.record({ text: fc.string({ unit: "binary" }), number: fc.integer() }, {
    noNullPrototype: true,
  });
  const attachment = fc.uint8Array({ maxLength: 200 }).chain((bytes) =>
    // Some beyond the shared buffer of 64 KiB.
    fc.constantFrom(1, 1, 700).map((times) => joined(Array(times).fill(bytes)))
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(message, attachment), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 5 }),
      async (frames, sizes) => {
        const bytes = joined(frames.flatMap(([header, bulk]) => encodeFrame(header, bulk)));
        const read = await readAll(new FrameReader(stream(bytes, sizes), LIMITS));
        assert.deepEqual(
          read.map(([header, bulk]) => [header, [...bulk]]),
          frames.map(([header, bulk]) => [header, [...bulk]]),
        );
      },
    ),
    { seed: 7, numRuns: 60 },
  );
});

Deno.test("a frame's bytes are frozen: u32le length, u32le header length, JSON, attachment", () => {
  const bytes = joined(encodeFrame({ type: "pong", id: 1 }, new Uint8Array([1, 2])));
  const header = new TextEncoder().encode('{"type":"pong","id":1}');
  assert.deepEqual([...bytes], [28, 0, 0, 0, 22, 0, 0, 0, ...header, 1, 2]);
});

Deno.test("a large attachment is written from where it lies", () => {
  const attachment = new Uint8Array(1 << 20);
  assert.equal(encodeFrame({}, attachment).at(-1), attachment);
});

const words = (...values: number[]) => new Uint8Array(new Uint32Array(values).buffer);

const BROKEN: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ["is too long", words(LIMITS.frameBytes + 1, 2), /it has 1048577 bytes, the limit is 1048576/],
  ["has a header that is too long", words(1 << 20, (1 << 19) + 1), /header has 524289 bytes/],
  ["has a header longer than itself", words(10, 7), /its header has 7 bytes, the whole frame 10/],
  ["is shorter than its header's length", words(3, 0), /its header has 0 bytes, the whole frame 3/],
  ["ends in its length", words(10).subarray(0, 3), /the stream ended inside a length word/],
  ["ends early", joined([words(104, 2), new Uint8Array(60)]), /the stream ended 40 bytes early/],
];

for (const [what, bytes, expected] of BROKEN) {
  Deno.test(`a frame that ${what} is refused`, async () => {
    await assert.rejects(new FrameReader(stream(bytes), LIMITS).next(), (error: Error) => {
      assert.match(error.message, expected);
      return true;
    });
  });
}
