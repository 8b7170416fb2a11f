import assert from "node:assert/strict";
import { Hono } from "hono";
import { SimulatedClock } from "../simulated_clock.ts";
import { bounded } from "./bounded.ts";

/** A server whose answers at /slow wait until they are let go. */
function served() {
  const clock = new SimulatedClock();
  const waiting: (() => void)[] = [];
  const app = new Hono()
    .use(bounded(clock))
    .get("/slow", async (context) => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return context.text("done");
    })
    .get("/broken", () => {
      throw new Error("broken");
    })
    .get("/livez", (context) => context.text("alive"));
  app.onError((_, context) => context.text("an error", 500));
  return { clock, waiting, ask: async (path: string) => await app.request(path) };
}

Deno.test("four answers are made at a time, 28 requests wait, and one more is told when to ask again", async () => {
  const { clock, waiting, ask } = served();
  const answers = Array.from({ length: 32 }, () => ask("/slow"));
  await clock.advance(0);
  assert.equal(waiting.length, 4);
  const refused = await ask("/slow");
  assert.deepEqual([refused.status, refused.headers.get("Retry-After")], [503, "1"]);
  assert.equal(await refused.text(), "32 requests are under way: ask again in a second\n");
  waiting[0]?.();
  await clock.advance(0);
  assert.equal(waiting.length, 5);
  for (let next = 1; next < 32; next++) {
    waiting[next]?.();
    await clock.advance(0);
  }
  const statuses = (await Promise.all(answers)).map(({ status }) => status);
  assert.deepEqual(new Set(statuses), new Set([200]));
});

Deno.test("a probe is answered however many others wait", async () => {
  const { clock, waiting, ask } = served();
  const answers = Array.from({ length: 32 }, () => ask("/slow"));
  await clock.advance(0);
  assert.equal(await (await ask("/livez")).text(), "alive");
  for (let next = 0; next < 32; next++) {
    waiting[next]?.();
    await clock.advance(0);
  }
  await Promise.all(answers);
});

Deno.test("an answer that fails gives its turn back", async () => {
  const { clock, ask } = served();
  for (let times = 0; times < 5; times++) {
    const asked = ask("/broken");
    await clock.advance(0);
    assert.equal((await asked).status, 500);
    await clock.advance(0);
  }
});
