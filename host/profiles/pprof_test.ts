import assert from "node:assert/strict";
import { Profile as Decoder } from "pprof-format";
import { encodePprof, formatProfile, type Profile } from "./pprof.ts";

const inner = { name: "host/a.inner", file: "host/a.ts", line: 3 };
const outer = { name: "host/b.outer", file: "host/b.ts", line: 0 };

const PROFILE: Profile = {
  types: [{ type: "samples", unit: "count" }, { type: "cpu", unit: "nanoseconds" }],
  samples: [
    { stack: [outer], values: [1, 10] },
    { stack: [inner, outer], values: [2, 20] },
    { stack: [inner, outer], values: [3, 30] },
    { stack: [inner], values: [0, 0] },
  ],
  period: { type: "cpu", unit: "nanoseconds", value: 10 },
  program: "weir",
  startedAt: 1_700_000_000_123,
  duration: 2_000,
  comments: ["for people"],
};

async function decode(profile: Profile): Promise<Decoder> {
  const zipped = new Blob([await encodePprof(profile)]).stream();
  const plain = zipped.pipeThrough(new DecompressionStream("gzip"));
  return Decoder.decode(new Uint8Array(await new Response(plain).arrayBuffer()));
}

Deno.test("an encoded profile says of each stack what was measured, once", async () => {
  const decoded = await decode(PROFILE);
  const text = (index: number | bigint) => decoded.stringTable.strings[Number(index)];
  const functionOf = new Map(decoded.function.map((one) => [one.id, one]));
  const nameOf = new Map(decoded.location.map(({ id, line }) => {
    const [first] = line;
    const found = functionOf.get(first?.functionId ?? 0);
    return [id, `${text(found?.name ?? 0)} ${text(found?.filename ?? 0)}:${first?.line}`];
  }));
  assert.deepEqual(
    decoded.sample.map(({ locationId, value }) => [
      locationId.map((id) => nameOf.get(id)),
      value.map(Number),
    ]),
    [
      [["host/b.outer host/b.ts:0"], [1, 10]],
      [["host/a.inner host/a.ts:3", "host/b.outer host/b.ts:0"], [5, 50]],
    ],
  );
  assert.deepEqual(decoded.sampleType.map(({ type, unit }) => [text(type), text(unit)]), [
    ["samples", "count"],
    ["cpu", "nanoseconds"],
  ]);
  assert.equal(text(decoded.defaultSampleType), "cpu");
  assert.equal(BigInt(decoded.timeNanos), 1_700_000_000_123_000_000n);
  assert.equal(Number(decoded.durationNanos), 2_000_000_000);
  assert.deepEqual(decoded.comment.map(text), ["for people"]);
  const [mapping] = decoded.mapping;
  assert.equal(text(mapping?.filename ?? 0), "weir");
  assert.equal(mapping?.hasFunctions, true);
});

Deno.test("a profile for people begins with what is most", () => {
  assert.equal(
    formatProfile("cpu", PROFILE),
    `cpu profile: total 6 samples/count, 60 cpu/nanoseconds
# for people

5 50 @
#\thost/a.inner\thost/a.ts:3
#\thost/b.outer\thost/b.ts

1 10 @
#\thost/b.outer\thost/b.ts
`,
  );
});
