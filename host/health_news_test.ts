import assert from "node:assert/strict";
import { HealthNews } from "./health_news.ts";

/** What a load balancer hears of, one line for each time. */
function stage() {
  const heard: string[] = [];
  const news = new HealthNews((told) => {
    heard.push(
      [...told].map(([key, health]) => `${key} ${health?.localEndpoints ?? "gone"}`).join(", "),
    );
  });
  const take = (name: string, localEndpoints: number) =>
    news.take(name, { namespace: "d", name, port: 30_000, localEndpoints });
  return { news, heard, take };
}

Deno.test("a load balancer hears of an endpoint after the kernel, and of having none before", () => {
  const { news, heard, take } = stage();
  take("web", 2);
  take("api", 0);
  news.tellDrained();
  assert.deepEqual(heard, ["api 0"]);
  news.tellAll();
  assert.deepEqual(heard, ["api 0", "web 2"]);
  take("web", 2);
  take("api", 0);
  news.tellDrained();
  news.tellAll();
  assert.equal(heard.length, 2, "what has not changed is not told again");
});

Deno.test("after a failed sync the next one that lands tells what is true by then", () => {
  const { news, heard, take } = stage();
  take("web", 2);
  take("api", 1);
  news.tellDrained();
  take("web", 0);
  news.tellDrained();
  news.tellAll();
  assert.deepEqual(heard, ["web 0", "api 1"]);
});

Deno.test("of a Service without such a port nothing is heard, unless it had one", () => {
  const { news, heard, take } = stage();
  news.take("web", undefined);
  take("api", 1);
  news.tellAll();
  news.take("api", undefined);
  news.take("api", undefined);
  news.tellDrained();
  news.tellAll();
  assert.deepEqual(heard, ["api 1", "api gone"]);
});
