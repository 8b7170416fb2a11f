import assert from "node:assert/strict";
import fc from "fast-check";
import { protobufDecoder } from "./decode_protobuf.ts";
import type { ListPage } from "./decoder.ts";
import { StringTable } from "./strings.ts";
import { recording } from "./testdata/recordings.ts";

const LISTS = [
  ["Service", "list-services-protobuf"],
  ["EndpointSlice", "list-endpointslices-protobuf"],
  ["Node", "list-nodes-protobuf"],
] as const;

/** Reads a body that comes in pieces which end at these places. */
function inPieces(kind: "Service" | "EndpointSlice" | "Node", body: Uint8Array, ends: number[]) {
  const reader = protobufDecoder(kind, new StringTable()).reader();
  let from = 0;
  for (const end of [...ends.sort((one, other) => one - other), body.length]) {
    // What was given must not be looked at again: its memory may be anything by then.
    const piece = body.slice(from, end);
    reader.push(piece);
    from = end;
  }
  return reader.end();
}

for (const [kind, name] of LISTS) {
  const { body } = recording(name);
  const whole: ListPage = protobufDecoder(kind, new StringTable()).list(body);

  Deno.test(`a list of ${kind} reads the same wherever the connection cuts it`, () => {
    assert.ok(whole.objects.length > 0);
    assert.deepEqual(inPieces(kind, body, Array.from(body.keys())), whole);
    fc.assert(
      fc.property(fc.array(fc.nat({ max: body.length }), { maxLength: 8 }), (ends) => {
        assert.deepEqual(inPieces(kind, body, ends), whole);
      }),
      { seed: 4, numRuns: 100 },
    );
  });

  Deno.test(`a list of ${kind} that is not whole is refused`, () => {
    // Behind the list there are only two empty fields of the envelope, of 2 bytes each.
    for (let length = 0; length < body.length - 4; length += Math.ceil(body.length / 200)) {
      const reader = protobufDecoder(kind, new StringTable()).reader();
      assert.throws(() => {
        reader.push(body.subarray(0, length));
        reader.end();
      }, { code: "WEIR_DECODE" });
    }
  });
}

Deno.test("a list of another kind is refused at its beginning", () => {
  const { body } = recording("list-services-protobuf");
  const reader = protobufDecoder("Node", new StringTable()).reader();
  assert.throws(() => reader.push(body.subarray(0, 64)), {
    code: "WEIR_DECODE",
    message: 'Cannot read list of Node "protobuf": it is a ServiceList',
  });
});
