/**
 * New TCP connections at an even pace, whatever becomes of those before: asked to start and stop
 * (load.ts).
 *
 *     deno run --allow-net tests/kernel/load_child.ts
 *
 * @module
 */
import { answerLines } from "./line_child.ts";
import type { LoadQuestion, LoadReport, LoadTarget } from "./load.ts";

const byServer: { [name: string]: number } = {};
const failures: { readonly afterStart: number; readonly error: string }[] = [];
const open = new Set<Promise<void>>();
let begun = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/** @returns The server's name. */
async function connect({ address, port }: LoadTarget, timeout: number): Promise<string> {
  const signal = AbortSignal.timeout(timeout);
  using connection = await Deno.connect({ hostname: address, port, signal });
  const abort = () => connection.close();
  signal.addEventListener("abort", abort);
  try {
    const buffer = new Uint8Array(256);
    let text = "";
    for (;;) {
      const size = await connection.read(buffer);
      if (size === null) break;
      text += new TextDecoder().decode(buffer.subarray(0, size));
    }
    const [name = ""] = text.split(" ");
    if (name === "") throw new Error("closed without an answer");
    return name;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function start({ targets, perSecond, timeout }: LoadQuestion & { do: "start" }): void {
  const started = performance.now();
  const one = async (target: LoadTarget) => {
    const afterStart = Math.round(performance.now() - started);
    try {
      const name = await connect(target, timeout);
      byServer[name] = (byServer[name] ?? 0) + 1;
    } catch (fault) {
      failures.push({ afterStart, error: `${target.address}: ${fault}` });
    }
  };
  timer = setInterval(() => {
    // A late timer makes up for what it missed, so that the pace holds on a busy machine.
    const due = Math.floor((performance.now() - started) * perSecond / 1_000);
    for (; begun < due; begun++) {
      const target = targets[begun % targets.length];
      if (target === undefined) continue;
      const running = one(target).finally(() => open.delete(running));
      open.add(running);
    }
  }, 1_000 / perSecond);
}

async function stop(): Promise<LoadReport> {
  clearInterval(timer);
  await Promise.all(open);
  return { connections: begun, byServer, failures };
}

await answerLines<LoadQuestion>((question) => {
  switch (question.do) {
    case "start":
      return start(question);
    case "stop":
      return stop();
  }
});
Deno.exit(0);
