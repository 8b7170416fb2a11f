import assert from "node:assert/strict";
import { SimulatedClock } from "../simulated_clock.ts";
import { Live, MOST_LISTENERS } from "./live.ts";
import { samplePage } from "./sample_page.ts";
import { sampleService } from "../samples.ts";

type Reader = ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;

function stage() {
  const clock = new SimulatedClock();
  const closing = new AbortController();
  let version = 0;
  const live = new Live({ version: () => String(version), clock });
  const listen = () => live.listen(closing.signal)?.getReader() ?? assert.fail("it is refused");
  return { clock, closing, live, listen, change: () => version++ };
}

async function read(reader: Reader): Promise<string> {
  const { value, done } = await reader.read();
  return done ? "the end" : new TextDecoder().decode(value);
}

Deno.test("a listener is told that something is new, once for all changes since it read last", async () => {
  const { clock, listen, change } = stage();
  const reader = listen();
  assert.equal(await read(reader), "retry: 2000\n\n");
  const told = read(reader);
  change();
  change();
  await clock.advance(250);
  assert.equal(await told, "event: news\ndata:\n\n");
  const next = read(reader);
  await clock.advance(10_000);
  change();
  await clock.advance(250);
  assert.equal(await next, "event: news\ndata:\n\n");
});

Deno.test("one whose page is older than the present is told so at once, one whose is not, is not", async () => {
  const { clock, closing, live, change } = stage();
  change();
  const listen = (seen: string) => live.listen(closing.signal, seen)?.getReader() ?? assert.fail();
  const [older, present] = [listen("0"), listen("1")];
  await read(older);
  await read(present);
  const told = read(older);
  let quiet = true;
  void read(present).then(() => quiet = false);
  await clock.advance(250);
  assert.equal(await told, "event: news\ndata:\n\n");
  assert.equal(quiet, true);
});

Deno.test("for one that does not read nothing piles up, and it misses nothing when it reads", async () => {
  const { clock, listen, change } = stage();
  const reader = listen();
  for (let changes = 0; changes < 10_000; changes++) {
    change();
    await clock.advance(250);
  }
  assert.equal(await read(reader), "retry: 2000\n\n");
  const told = read(reader);
  await clock.advance(250);
  assert.equal(await told, "event: news\ndata:\n\n");
  let more = false;
  void read(reader).then(() => more = true);
  await clock.advance(10_000);
  assert.equal(more, false, "one reading, one piece of news");
});

Deno.test("a quiet connection has a sign of life from time to time", async () => {
  const { clock, listen } = stage();
  const reader = listen();
  await read(reader);
  const told = read(reader);
  await clock.advance(15_000);
  assert.equal(await told, "event: beat\ndata:\n\n");
});

Deno.test("so many listen at most, and one that leaves makes room", async () => {
  const { clock, closing, live, listen } = stage();
  const readers = Array.from({ length: MOST_LISTENERS }, listen);
  assert.equal(live.listen(closing.signal), undefined);
  await readers[0]?.cancel();
  assert.equal(live.size, MOST_LISTENERS - 1);
  listen();
  assert.equal(live.size, MOST_LISTENERS);
  assert.equal(clock.waiting, 1);
});

Deno.test("all end with the server, and nobody is looked after any more", async () => {
  const { clock, closing, live, listen } = stage();
  const readers = [listen(), listen()];
  for (const reader of readers) await read(reader);
  const ends = readers.map(read);
  closing.abort();
  assert.deepEqual(await Promise.all(ends), ["the end", "the end"]);
  assert.deepEqual([live.size, clock.waiting], [0, 0]);
  assert.equal(live.listen(closing.signal), undefined);
});

Deno.test("the page tells of a Service that has come, and refuses the one listener too many", async () => {
  const page = await samplePage();
  const answers = [];
  for (let listeners = 0; listeners <= MOST_LISTENERS; listeners++) {
    answers.push(await page.ask("/live"));
  }
  assert.equal(answers[0]?.headers.get("Content-Type"), "text/event-stream");
  assert.equal(answers.at(-1)?.status, 503);
  const reader = answers[0]?.body?.getReader() ?? assert.fail("there is no stream");
  await reader.read();
  const told = reader.read();
  await page.sync([sampleService()]);
  await page.clock.advance(250);
  assert.equal(new TextDecoder().decode((await told).value), "event: news\ndata:\n\n");
  page.closing.abort();
});

Deno.test("another site takes nobody's place, nor does who only asks for the headers", async () => {
  const page = await samplePage();
  for (let times = 0; times <= MOST_LISTENERS; times++) {
    assert.equal((await page.ask("/live", { "Sec-Fetch-Site": "cross-site" })).status, 403);
    assert.equal((await page.ask("/live", {}, "HEAD")).status, 200);
  }
  const answer = await page.ask("/live", { "Sec-Fetch-Site": "same-origin" });
  assert.equal(answer.status, 200);
  await answer.body?.cancel();
});
