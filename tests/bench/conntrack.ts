/**
 * A table full of tracked flows that is reconciled while the event loop is watched.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { ConntrackKernel } from "../../host/capabilities/conntrack/kernel.ts";
import { type SampleFlow, trackFlows } from "../../host/capabilities/conntrack/sample.ts";
import { systemClock } from "../../host/clock.ts";
import { sampleEndpoints, samplePort } from "../../host/conntrack/sample.ts";
import { Reconciler } from "../../host/conntrack/reconciler.ts";
import type { ServicePortView } from "../../schemas/view.ts";
import { LIMITS } from "../../schemas/wire.ts";

/** What one reconciliation cost; times in milliseconds. */
export interface Reconciliation {
  /** Flows in the table before. */
  readonly flows: number;
  /** Flows that led nowhere, and were removed. */
  readonly deleted: number;
  readonly milliseconds: number;
  /** The longest time in which nobody else had a turn. */
  readonly longestStretch: number;
  /** The most flows that were looked at between two turns of others. */
  readonly mostAtOnce: number;
}

const LIVING = "10.244.0.1:5353";
const GONE = "10.244.0.2:5353";
/** As many clients' flows on the well-known port of every cluster. */
const PORT = samplePort({ endpoints: sampleEndpoints(LIVING) });

/** UDP flows to one cluster IP. */
function* clients(flows: number, staleEvery: number): Generator<SampleFlow> {
  for (let index = 0; index < flows; index++) {
    yield {
      protocol: "UDP",
      client: `10.${128 + (index >> 16)}.${index >> 8 & 255}.${index & 255}:4000`,
      destination: "10.96.0.10:53",
      responder: index % staleEvery === 0 ? GONE : LIVING,
    };
  }
}

/** Watches the event loop: the longest time and the most flows between two turns of others. */
function watchTurns() {
  let [longestStretch, mostAtOnce, flows, last] = [0, 0, 0, performance.now()];
  const look = () => {
    const now = performance.now();
    longestStretch = Math.max(longestStretch, now - last);
    last = now;
  };
  // Every millisecond: a probe that never sleeps would take half of this machine.
  const timer = setInterval(look, 1);
  return {
    flow: () => {
      if (++flows > 1) return;
      setImmediate(() => {
        mostAtOnce = Math.max(mostAtOnce, flows);
        flows = 0;
      });
    },
    end: () => {
      look();
      clearInterval(timer);
      return { longestStretch, mostAtOnce };
    },
  };
}

/**
 * Fills the table of the namespace of the calling thread, and reconciles it with a Service whose
 * flows they all are.
 *
 * @param flows How many.
 * @param staleEvery One of so many leads to an endpoint that is gone.
 * @returns What it cost. The flows that remain stay in the table.
 */
export async function measureReconciliation(
  flows: number,
  staleEvery: number,
): Promise<Reconciliation> {
  const table = new ConntrackKernel();
  // The table is opened within the namespace, and so is the socket that fills it.
  await trackFlows(clients(flows, staleEvery));
  const before = await table.usage();
  const done = Promise.withResolvers<{ readonly deleted: number }>();
  const ports: readonly ServicePortView[] = [PORT];
  const watch = watchTurns();
  const reconciler = new Reconciler({
    table: () => ({
      list: (question, take) =>
        table.list(question, (flow) => {
          watch.flow();
          take(flow);
        }),
      delete: (family, stale) => table.delete(family, stale),
      localAddresses: () => table.localAddresses(),
    }),
    ports: {
      find: (id) => ports.find((port) => port.id === id),
      all: () => ports,
      serving: (view) => view.endpoints,
    },
    nodePorts: () => ({ type: "every" }),
    protocols: ["UDP"],
    limits: LIMITS,
    clock: systemClock,
    log: { v: () => {}, warn: (message) => done.reject(new Error(message)) },
    observe: done.resolve,
  });
  const started = performance.now();
  reconciler.request("all");
  const { deleted } = await done.promise;
  const milliseconds = performance.now() - started;
  const stretches = watch.end();
  await reconciler.stop();
  await table.close();
  return { flows: before.entries, deleted, milliseconds, ...stretches };
}
