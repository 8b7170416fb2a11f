import assert from "node:assert/strict";
import { ipBytes } from "../../schemas/ip.ts";
import type { IpFamily, Protocol } from "../../schemas/kube.ts";
import type { ServicePortView } from "../../schemas/view.ts";
import { LIMITS } from "../../schemas/wire.ts";
import { type Flow, type FlowQuestion, PROTOCOL_NUMBER } from "../capabilities/conntrack/flow.ts";
import { ipKey, portOf, type SocketKey, socketKey } from "../capabilities/conntrack/socket_key.ts";
import { SimulatedClock } from "../simulated_clock.ts";
import { Reconciler, type ReconciliationReport } from "./reconciler.ts";
import { sampleEndpoints, samplePort } from "./sample.ts";
import type { EndpointAddress } from "./suspicion.ts";

function key(text: string): SocketKey {
  const colon = text.lastIndexOf(":");
  return socketKey(ipBytes(text.slice(0, colon)), Number(text.slice(colon + 1)));
}

/** A tracked flow; it is told by the text it was made of. */
interface Tracked extends Flow {
  readonly text: string;
}

function tracked(destination: string, responder: string, protocol: Protocol = "UDP"): Tracked {
  return {
    text: `${protocol} ${destination} ${responder}`,
    protocol: PROTOCOL_NUMBER[protocol],
    destination: key(destination),
    responder: key(responder),
    zone: "common",
    identity: [],
  };
}

interface Stage {
  readonly protocols?: readonly Protocol[];
  readonly flows?: readonly Tracked[];
  readonly ports?: readonly ServicePortView[];
  /** Milliseconds that each listing takes. */
  readonly takes?: number;
}

/** A reconciler over a table and service ports in memory. */
function stage({ protocols = ["UDP"], flows = [], ports = [], takes = 0 }: Stage = {}) {
  const clock = new SimulatedClock();
  const questions: FlowQuestion[] = [];
  const deleted: string[] = [];
  const warnings: unknown[] = [];
  const reports: ReconciliationReport[] = [];
  const state = {
    flows: [...flows],
    ports: [...ports],
    serving: [] as readonly EndpointAddress[],
    fault: undefined as Error | undefined,
    interrupted: 0,
    busy: 0,
    mostBusy: 0,
  };
  const reconciler = new Reconciler({
    table: () => ({
      async list(question, take) {
        questions.push(question);
        if (state.fault !== undefined) throw state.fault;
        state.mostBusy = Math.max(state.mostBusy, ++state.busy);
        await new Promise<void>((resolve) => void clock.after(takes, resolve));
        state.busy--;
        for (const flow of state.flows) {
          if (flow.protocol !== PROTOCOL_NUMBER[question.protocol]) continue;
          if ((typeof flow.destination === "number") !== (question.family === "IPv4")) continue;
          const { port } = question;
          if (port === undefined || portOf(flow.destination) === port) take(flow);
        }
        return state.interrupted-- > 0 ? "interrupted" : "complete";
      },
      delete(_family: IpFamily, gone) {
        const doomed = new Set<unknown>(gone);
        deleted.push(...state.flows.filter((flow) => doomed.has(flow)).map(({ text }) => text));
        state.flows = state.flows.filter((flow) => !doomed.has(flow));
        return Promise.resolve(gone.length);
      },
      localAddresses: () => Promise.resolve(new Set([ipKey(ipBytes("192.0.2.1"))])),
    }),
    ports: {
      find: (id) => state.ports.find((port) => port.id === id),
      all: () => state.ports,
      serving: () => state.serving,
    },
    nodePorts: () => ({ type: "every" }),
    protocols,
    limits: LIMITS,
    clock,
    log: { v: () => {}, warn: (message, fields) => warnings.push([message, fields]) },
    observe: (report) => reports.push(report),
  });
  return { clock, questions, deleted, warnings, reports, state, reconciler };
}

const PORT = samplePort();
const GONE = tracked("10.96.0.10:53", "10.244.0.2:5353");
const LIVING = tracked("10.96.0.10:53", "10.244.0.1:5353");

Deno.test("Stale flows of the ports that are named go, in the background, and are counted", async () => {
  const other = samplePort({ name: "other", clusterIP: "10.96.0.20" });
  const foreign = tracked("10.96.0.20:53", "10.244.0.2:5353");
  const { clock, deleted, reports, reconciler, questions } = stage({
    flows: [GONE, LIVING, foreign],
    ports: [PORT, other],
  });
  reconciler.request([PORT.id]);
  assert.deepEqual(questions, [], "nobody waits for it");
  await clock.advance(0);
  assert.deepEqual(deleted, [GONE.text]);
  assert.deepEqual(reports.map(({ family, deleted }) => [family, deleted]), [["IPv4", 1]]);
  assert.deepEqual(questions, [{ family: "IPv4", protocol: "UDP", port: 53 }]);
});

Deno.test("After a resync all ports are looked at, in as few listings as there are families", async () => {
  const { clock, deleted, questions, reconciler } = stage({
    flows: [GONE, tracked("fd00::10:53", "fd00::2:5353")],
    ports: [
      PORT,
      samplePort({ family: "IPv6", clusterIP: "fd00::10", endpoints: [] }),
      ...[1, 2, 3].map((index) =>
        samplePort({ name: `dns-${index}`, clusterIP: `10.96.1.${index}`, port: index })
      ),
    ],
  });
  reconciler.request("all");
  await clock.advance(0);
  assert.equal(deleted.length, 2);
  assert.deepEqual(questions, [
    { family: "IPv4", protocol: "UDP" },
    { family: "IPv6", protocol: "UDP", port: 53 },
  ]);
});

Deno.test("Flows to a port that is gone or has moved go once the plugin has said that it changed it", async () => {
  for (const now of [undefined, { ...PORT, clusterIP: "10.96.0.30" }]) {
    const { clock, deleted, reconciler } = stage({
      flows: [LIVING],
      ports: now === undefined ? [] : [now],
    });
    reconciler.replaced(PORT, now);
    await clock.advance(1000);
    assert.deepEqual(deleted, [], "the kernel may not have it yet");
    reconciler.request([PORT.id]);
    await clock.advance(1000);
    assert.deepEqual(deleted, [LIVING.text]);
  }
});

Deno.test("A port that goes while an earlier change is reconciled waits for its own turn", async () => {
  const { clock, deleted, state, reconciler } = stage({ flows: [LIVING], ports: [PORT] });
  reconciler.request([PORT.id]);
  // The next revision is made, but the plugin has not yet programmed it.
  state.ports = [];
  reconciler.replaced(PORT, undefined);
  await clock.advance(1000);
  assert.deepEqual(deleted, []);
  reconciler.request([PORT.id]);
  await clock.advance(1000);
  assert.deepEqual(deleted, [LIVING.text]);
});

Deno.test("Ids that nobody knows, and ports of protocols that are left alone, cost nothing", async () => {
  const tcp = samplePort({ protocol: "TCP" });
  const { clock, questions, reconciler } = stage({ ports: [tcp] });
  reconciler.request([tcp.id, "default/nobody/UDP/IPv4", "", "../../etc", "__proto__"]);
  reconciler.replaced(tcp, undefined);
  reconciler.request("all");
  await clock.advance(10_000);
  assert.deepEqual(questions, []);
});

Deno.test("TCP flows to endpoints that are gone stay, unless the operator has asked for more", async () => {
  const tcp = samplePort({ protocol: "TCP" });
  const gone = tracked("10.96.0.10:53", "10.244.0.2:5353", "TCP");
  for (const protocols of [["UDP"], ["UDP", "TCP"]] as const) {
    const { clock, deleted, reconciler } = stage({ protocols, flows: [gone], ports: [tcp] });
    reconciler.request([tcp.id]);
    await clock.advance(0);
    assert.deepEqual(deleted, protocols.length === 2 ? [gone.text] : []);
  }
});

Deno.test("Flows to an endpoint that no longer serves go, though no rule has changed by it", async () => {
  const { clock, deleted, state, reconciler, questions } = stage({ flows: [GONE], ports: [PORT] });
  state.serving = [{ ip: "10.244.0.1", port: 5353 }, { ip: "10.244.0.2", port: 5353 }];
  reconciler.request([PORT.id]);
  await clock.advance(1000);
  assert.deepEqual(deleted, [], "it terminates, and still answers");
  reconciler.endpointsChanged();
  await clock.advance(1000);
  assert.equal(questions.length, 1, "its endpoints are as they were");
  state.serving = sampleEndpoints("10.244.0.1:5353");
  reconciler.endpointsChanged();
  await clock.advance(1000);
  assert.deepEqual(deleted, [GONE.text]);
  reconciler.endpointsChanged();
  await clock.advance(1000);
  assert.equal(questions.length, 2, "nothing lingers any more");
});

Deno.test("Flows to an endpoint that goes while they are listed go after the next look", async () => {
  const { clock, deleted, state, reconciler, questions } = stage({
    flows: [GONE],
    ports: [PORT],
    takes: 50,
  });
  state.serving = [{ ip: "10.244.0.1", port: 5353 }, { ip: "10.244.0.2", port: 5353 }];
  reconciler.request([PORT.id]);
  await clock.advance(20);
  state.serving = sampleEndpoints("10.244.0.1:5353");
  reconciler.endpointsChanged();
  await clock.advance(10_000);
  assert.deepEqual(deleted, [GONE.text]);
  assert.equal(questions.length, 2);
  reconciler.endpointsChanged();
  await clock.advance(10_000);
  assert.equal(questions.length, 2, "nothing lingers any more");
});

Deno.test("A port that moves while its flows are listed waits for its rules all the same", async () => {
  const { clock, deleted, state, reconciler } = stage({ flows: [GONE], ports: [PORT], takes: 50 });
  state.serving = [{ ip: "10.244.0.2", port: 5353 }];
  reconciler.request([PORT.id]);
  await clock.advance(20);
  const moved = { ...PORT, clusterIP: "10.96.0.30" };
  state.serving = [];
  state.ports = [moved];
  reconciler.replaced(PORT, moved);
  await clock.advance(10_000);
  assert.deepEqual(deleted, [], "the kernel may not have it yet");
  reconciler.request([PORT.id]);
  await clock.advance(10_000);
  assert.deepEqual(deleted, [GONE.text]);
});

Deno.test("However often a plugin asks, one listing runs at a time and a tenth of the time is used", async () => {
  const { clock, questions, state, reconciler } = stage({ ports: [PORT], takes: 50 });
  for (let at = 0; at < 9_900; at += 5) {
    reconciler.request([PORT.id]);
    reconciler.request("all");
    await clock.advance(5);
  }
  assert.equal(state.mostBusy, 1);
  // 50 ms of work and 450 ms of rest.
  assert.equal(questions.length, 20);
});

Deno.test("A listing that the table's changes have interrupted is repeated twice and no more", async () => {
  const { clock, questions, state, deleted, reconciler } = stage({ flows: [GONE], ports: [PORT] });
  state.interrupted = Infinity;
  reconciler.request([PORT.id]);
  await clock.advance(60_000);
  assert.equal(questions.length, 3);
  assert.deepEqual(deleted, [GONE.text], "what was found is not left for later");
});

Deno.test("A table that cannot be read is complained of once, and works again when it can", async () => {
  const { clock, warnings, state, deleted, reconciler } = stage({ flows: [GONE], ports: [PORT] });
  state.fault = new Error("Cannot list flows: the kernel says EPERM");
  for (let round = 0; round < 3; round++) {
    reconciler.request([PORT.id]);
    await clock.advance(10_000);
  }
  assert.deepEqual(warnings, [[
    "Cannot reconcile conntrack; clients of UDP may stay with endpoints that are gone",
    { err: "Cannot list flows: the kernel says EPERM" },
  ]]);
  state.fault = undefined;
  reconciler.request([PORT.id]);
  await clock.advance(10_000);
  assert.deepEqual(deleted, [GONE.text]);
});

Deno.test("When weir ends, nothing is begun any more", async () => {
  const { clock, questions, reconciler } = stage({ ports: [PORT] });
  reconciler.request("all");
  await reconciler.stop();
  reconciler.request("all");
  reconciler.endpointsChanged();
  await clock.advance(10_000);
  assert.deepEqual(questions, []);
  assert.equal(clock.waiting, 0);
});
