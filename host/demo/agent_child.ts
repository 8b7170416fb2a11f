/**
 * The program that connects, in the client's pod and on the node. It is driven by lines of JSON
 * on its stdin (message.ts) and ends with it.
 *
 *     deno run --allow-net --allow-ffi host/demo/agent_child.ts
 *
 * @module
 */
import { messageOf } from "../../schemas/errors.ts";
import { bridge } from "./bridge.ts";
import {
  type AgentReport,
  type AgentRequest,
  AgentRequestSchema,
  messageLine,
  type Outcome,
  readMessages,
  type Target,
} from "./message.ts";
import { portsInTurn, probe } from "./probe.ts";

const now = () => performance.now();
const effects = { now, nextPort: portsInTurn() };

function report(message: AgentReport): void {
  const line = messageLine(message);
  for (let at = 0; at < line.length;) at += Deno.stdout.writeSync(line.subarray(at));
}

async function probeAll(request: AgentRequest & { type: "probe" }): Promise<void> {
  const outcomes: Outcome[] = [];
  for (let index = 0; index < request.count; index++) {
    const outcome = await probe(request.target, request.timeoutMs, effects);
    outcomes.push(outcome);
    // The others could take as long, and say no more.
    if (outcome.result === "silent" || outcome.result === "failed") break;
  }
  report({ type: "probed", id: request.id, outcomes });
}

/** The running stream: its timer and the connections under way. */
let stream:
  | { readonly timer: ReturnType<typeof setInterval>; readonly open: Set<Promise<void>> }
  | undefined;

function startStream({ targets, perSecond, timeoutMs }: AgentRequest & { type: "stream" }): void {
  const open = new Set<Promise<void>>();
  const started = now();
  let turn = 0;
  const connect = (target: Target) => {
    const startedAt = performance.timeOrigin + now();
    const running = probe(target, timeoutMs, effects).then((outcome) => {
      report({ type: "sample", startedAt, outcome });
      open.delete(running);
    });
    open.add(running);
  };
  const timer = setInterval(() => {
    // A late timer makes up for what it missed, so that the pace holds on a busy machine.
    const due = Math.floor((now() - started) * perSecond / 1_000);
    for (; turn < due; turn++) {
      const target = targets[turn % targets.length];
      if (target !== undefined) connect(target);
    }
  }, 1_000 / perSecond);
  stream = { timer, open };
}

async function stopStream(id: number): Promise<void> {
  if (stream !== undefined) {
    clearInterval(stream.timer);
    await Promise.all(stream.open);
    stream = undefined;
  }
  report({ type: "done", id });
}

async function get({ id, url, timeoutMs }: AgentRequest & { type: "get" }): Promise<void> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  report({ type: "got", id, status: response.status, text: await response.text() });
}

function openBridge({ id, path, port }: AgentRequest & { type: "bridge" }): void {
  const listener = Deno.listen({ transport: "unix", path });
  void bridge(listener, () => Deno.connect({ hostname: "127.0.0.1", port }));
  report({ type: "done", id });
}

async function obey(request: AgentRequest): Promise<void> {
  switch (request.type) {
    case "probe":
      return await probeAll(request);
    case "stream":
      return startStream(request);
    case "stop":
      return await stopStream(request.id);
    case "get":
      return await get(request);
    case "bridge":
      return openBridge(request);
  }
}

report({ type: "ready" });
for await (const request of readMessages(Deno.stdin.readable, AgentRequestSchema)) {
  void obey(request).catch((thrown) => {
    if (!("id" in request)) throw thrown;
    report({ type: "failed", id: request.id, why: messageOf(thrown) });
  });
}
Deno.exit(0);
