import assert from "node:assert/strict";
import fc from "fast-check";
import { MOST_TRAFFIC_IDS, type TrafficQuery } from "../../schemas/calls.ts";
import { recordingLog } from "../../tests/kit/recording_log.ts";
import { SimulatedClock } from "../simulated_clock.ts";
import { createMetrics } from "./metrics.ts";
import { type CountedPort, ServiceTraffic } from "./service_traffic.ts";

function port(name: string, portName = "http"): CountedPort {
  return { id: `default/${name}:${portName}/TCP/IPv4`, namespace: "default", name };
}

class Scene {
  readonly clock = new SimulatedClock();
  readonly asked: TrafficQuery[] = [];
  readonly log = recordingLog();
  ports: CountedPort[] = [];
  limit = 10;
  large = 0;
  /** Connections by id; packets are twice as many, and bytes a hundred times. */
  counts = new Map<string, number>();
  answer: (query: TrafficQuery) => Promise<readonly number[] | null> = async ({ ids }) =>
    ids.flatMap((id) => {
      const connections = this.counts.get(id) ?? 0;
      return [connections, 2 * connections, 100 * connections];
    });
  readonly #registry = createMetrics({
    version: "0.1.0",
    platform: "linux/amd64",
    runtime: "deno",
    startedAt: 0,
    usage: () => ({ residentBytes: 0, cpuSeconds: 0 }),
  });
  readonly traffic = new ServiceTraffic({
    limit: () => this.limit,
    ports: () => this.ports,
    call: (query) => {
      this.asked.push(query);
      return this.answer(query);
    },
    registry: this.#registry,
    large: () => this.large++,
    clock: this.clock,
    log: this.log.log,
  });

  set(name: string, connections: number, portName?: string): void {
    this.counts.set(port(name, portName).id, connections);
  }

  /** A scrape, long after the last: the series of connections by Service. */
  async scrape(): Promise<Record<string, number>> {
    await this.clock.advance(15_000);
    await this.traffic.collect();
    return await this.series("weir_service_connections_total");
  }

  async series(name: string): Promise<Record<string, number>> {
    const lines = (await this.#registry.text()).split("\n")
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    return Object.fromEntries(lines.map((line) => [
      /service_name="([^"]+)"/.exec(line)?.[1] ?? "",
      Number(line.slice(line.lastIndexOf(" ") + 1)),
    ]));
  }
}

Deno.test("each Service is counted over all its ports, from zero", async () => {
  const scene = new Scene();
  scene.ports = [port("a"), port("a", "dns"), port("b")];
  assert.deepEqual(await scene.scrape(), { a: 0, b: 0 });
  scene.set("a", 3);
  scene.set("a", 4, "dns");
  assert.deepEqual(await scene.scrape(), { a: 7, b: 0 });
  assert.deepEqual(await scene.series("weir_service_packets_total"), { a: 14, b: 0 });
  assert.deepEqual(await scene.series("weir_service_bytes_total"), { a: 700, b: 0 });
});

Deno.test("a count that begins anew in the kernel goes on on the page", async () => {
  const scene = new Scene();
  scene.ports = [port("a")];
  scene.set("a", 100);
  assert.deepEqual(await scene.scrape(), { a: 100 });
  scene.set("a", 5);
  assert.deepEqual(await scene.scrape(), { a: 105 });
  scene.set("a", 7);
  assert.deepEqual(await scene.scrape(), { a: 107 });
});

Deno.test("above the limit Services are summed, and nobody changes sides", async () => {
  const scene = new Scene();
  scene.limit = 2;
  scene.ports = [port("a"), port("b"), port("c"), port("d")];
  for (const name of ["a", "b", "c", "d"]) scene.set(name, 10);
  assert.deepEqual(await scene.scrape(), { a: 10, b: 10, _other: 20 });
  assert.deepEqual(await scene.series("weir_services_folded"), { "": 2 });
  // There is room again, for who comes then.
  scene.ports = [port("b"), port("c"), port("d"), port("e")];
  scene.set("e", 1);
  scene.set("c", 11);
  assert.deepEqual(await scene.scrape(), { b: 10, _other: 21, e: 1 });
  scene.ports = [port("b"), port("e")];
  assert.deepEqual(await scene.scrape(), { b: 10, _other: 21, e: 1 });
  assert.deepEqual(await scene.series("weir_services_folded"), { "": 0 });
});

Deno.test("a Service that is gone has no series, and a new one of its name begins at zero", async () => {
  const scene = new Scene();
  scene.ports = [port("a"), port("b")];
  scene.set("a", 10);
  await scene.scrape();
  scene.ports = [port("b")];
  assert.deepEqual(await scene.scrape(), { b: 0 });
  scene.ports = [port("a"), port("b")];
  scene.set("a", 2);
  assert.deepEqual(await scene.scrape(), { a: 2, b: 0 });
});

Deno.test("a Service whose port has another name, or whose ports come and go, keeps its series", async () => {
  const scene = new Scene();
  scene.limit = 1;
  scene.ports = [port("a", "http"), port("b")];
  scene.set("a", 10, "http");
  scene.set("b", 5);
  assert.deepEqual(await scene.scrape(), { a: 10, _other: 5 });
  scene.ports = [port("c"), port("a", "web"), port("b")];
  scene.set("a", 3, "web");
  assert.deepEqual(await scene.scrape(), { a: 13, _other: 5 });
  scene.ports = [port("a", "web"), port("a", "dns"), port("b", "dns")];
  scene.set("a", 1, "dns");
  scene.set("b", 2, "dns");
  assert.deepEqual(await scene.scrape(), { a: 14, _other: 7 });
  scene.ports = [port("a", "dns")];
  scene.set("a", 4, "dns");
  assert.deepEqual(await scene.scrape(), { a: 17, _other: 7 });
  assert.deepEqual(await scene.series("weir_services_folded"), { "": 0 });
});

Deno.test("whatever Services come and go, each has what it got since it came, in one line", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.tuple(fc.nat(6), fc.nat(2), fc.nat(9)), { maxLength: 12 }), {
        maxLength: 8,
      }),
      async (readings) => {
        const scene = new Scene();
        let [before, expected] = [new Map<string, number>(), new Map<string, number>()];
        for (const reading of readings) {
          const now = new Map(
            reading.map((
              [name, portName, count],
            ) => [port(`s${name}`, `p${portName}`).id, count] as const),
          );
          scene.ports = reading.map(([name, portName]) => port(`s${name}`, `p${portName}`))
            .filter(({ id }, index, all) => all.findIndex((one) => one.id === id) === index);
          scene.counts = now;
          const next = new Map<string, number>();
          for (const { id, name } of scene.ports) {
            const [had, has] = [before.get(id) ?? 0, now.get(id) ?? 0];
            const more = has < had ? has : has - had;
            next.set(name, (next.get(name) ?? expected.get(name) ?? 0) + more);
          }
          [before, expected] = [now, next];
          assert.deepEqual(await scene.scrape(), Object.fromEntries(next));
        }
      },
    ),
    { seed: 20_261_127, numRuns: 200 },
  );
});

Deno.test("thousands of Services are written in pieces, each once", async () => {
  const scene = new Scene();
  scene.limit = 2_000;
  scene.ports = Array.from({ length: 2_500 }, (_, index) => port(`s${index}`));
  scene.ports.forEach(({ id }, index) => scene.counts.set(id, index));
  const found = await scene.scrape();
  assert.equal(Object.keys(found).length, 2_001);
  assert.deepEqual([found["s0"], found["s1999"], found["_other"]], [0, 1_999, 1_124_750]);
});

Deno.test("scrapes within a second share a reading, and those at the same time wait for one", async () => {
  const scene = new Scene();
  scene.ports = [port("a")];
  await Promise.all([scene.traffic.collect(), scene.traffic.collect()]);
  await scene.clock.advance(999);
  await scene.traffic.collect();
  assert.equal(scene.asked.length, 1);
  await scene.clock.advance(1);
  await scene.traffic.collect();
  assert.equal(scene.asked.length, 2);
});

Deno.test("a proxier that does not answer keeps no scrape, which shows what was last read", async () => {
  const scene = new Scene();
  scene.ports = [port("a")];
  scene.set("a", 1);
  await scene.scrape();
  const late = Promise.withResolvers<readonly number[]>();
  scene.answer = () => late.promise;
  await scene.clock.advance(15_000);
  const waiting = scene.traffic.collect();
  await scene.clock.advance(2_000);
  await waiting;
  assert.deepEqual(await scene.series("weir_service_connections_total"), { a: 1 });
  late.resolve([9, 9, 9]);
  await scene.traffic.collect();
  assert.deepEqual(await scene.series("weir_service_connections_total"), { a: 9 });
});

Deno.test("a proxier that does not count has no series; one that fails is told of once", async () => {
  const scene = new Scene();
  scene.ports = [port("a")];
  scene.answer = async () => null;
  assert.deepEqual(await scene.scrape(), {});
  scene.answer = () => Promise.reject(new Error("it is waiting"));
  await scene.scrape();
  await scene.scrape();
  assert.deepEqual(scene.log.lines.map(({ message }) => message), [
    "Cannot read what Services get",
  ]);
});

Deno.test("many service ports are asked for page by page, as one reading", async () => {
  const scene = new Scene();
  scene.ports = Array.from({ length: MOST_TRAFFIC_IDS + 1 }, (_, index) => port(`s${index}`));
  scene.limit = 1;
  scene.set(`s${MOST_TRAFFIC_IDS}`, 5);
  assert.deepEqual(await scene.scrape(), { s0: 0, _other: 5 });
  assert.deepEqual(
    scene.asked.map(({ reading, last, ids }) => [reading, last, ids.length]),
    [[1, false, MOST_TRAFFIC_IDS], [1, true, 1]],
  );
});

Deno.test("who counts nothing asks nobody, and forgets what it had", async () => {
  const scene = new Scene();
  scene.ports = [port("a")];
  scene.set("a", 1);
  await scene.scrape();
  scene.limit = 0;
  assert.deepEqual(await scene.scrape(), {});
  assert.equal(scene.asked.length, 1);
  scene.limit = 1;
  scene.set("a", 2);
  assert.deepEqual(await scene.scrape(), { a: 2 });
});

Deno.test("a large reading is told of, so that what it leaves is collected", async () => {
  const scene = new Scene();
  scene.ports = Array.from({ length: 1_999 }, (_, index) => port(`s${index}`));
  await scene.scrape();
  assert.equal(scene.large, 0);
  scene.ports.push(port("more"));
  await scene.scrape();
  assert.equal(scene.large, 1);
});
