/**
 * One connection: who answers, and how fast.
 *
 * @module
 */
import { messageOf } from "../../schemas/errors.ts";
import { askDatagram } from "../capabilities/datagram.ts";
import type { Outcome, Target } from "./message.ts";

const QUESTION = new TextEncoder().encode("who?\n");

/** How it ended, without the time. */
type Ending =
  | { readonly result: "answered"; readonly by: string }
  | { readonly result: "refused" | "silent" }
  | { readonly result: "failed"; readonly why: string };

async function overTcp(target: Target, timeoutMs: number): Promise<Ending> {
  const { address: hostname, port } = target;
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    using connection = await Deno.connect({ hostname, port, signal });
    const timer = setTimeout(() => connection.close(), timeoutMs);
    try {
      await connection.write(QUESTION);
      const buffer = new Uint8Array(256);
      const size = await connection.read(buffer);
      if (size === null) return { result: "failed", why: "closed without an answer" };
      return { result: "answered", by: new TextDecoder().decode(buffer.subarray(0, size)).trim() };
    } finally {
      clearTimeout(timer);
    }
  } catch (thrown) {
    if (thrown instanceof Deno.errors.ConnectionRefused) return { result: "refused" };
    if (signal.aborted) return { result: "silent" };
    return { result: "failed", why: messageOf(thrown) };
  }
}

async function overUdp(target: Target, timeoutMs: number, effects: ProbeEffects): Promise<Ending> {
  try {
    const answer = await askDatagram(target, effects.nextPort(), QUESTION, timeoutMs, effects.now);
    if (answer.type !== "answered") return { result: answer.type };
    return { result: "answered", by: new TextDecoder().decode(answer.payload).trim() };
  } catch (thrown) {
    return { result: "failed", why: messageOf(thrown) };
  }
}

/** What a probe needs of the world. */
export interface ProbeEffects {
  /** Milliseconds, from any beginning. */
  readonly now: () => number;
  /**
   * A source port that no datagram came from before, 1–65535. The kernel remembers a flow of UDP
   * for up to two minutes (net.netfilter.nf_conntrack_udp_timeout_stream) and sends whoever
   * comes from the same port to the endpoint of the one before, be it still there or not. Who
   * asks as often as the demo would meet its own flows; what is shown is where new ones go.
   */
  readonly nextPort: () => number;
}

/**
 * Source ports for {@linkcode ProbeEffects}, in turn.
 *
 * @returns The next one, from below the range that Linux itself takes ports from (32768–60999,
 * ip(7)), so that none is taken already.
 */
export function portsInTurn(): () => number {
  const [first, last] = [10_000, 32_767];
  let turn = 0;
  return () => first + turn++ % (last - first + 1);
}

/**
 * Opens one connection, or sends one datagram, and waits for the answer.
 *
 * @param target Where to.
 * @param timeoutMs How long to wait, in milliseconds.
 * @param effects Clock and source ports.
 * @returns How it ended; it never rejects.
 */
export async function probe(
  target: Target,
  timeoutMs: number,
  effects: ProbeEffects,
): Promise<Outcome> {
  const started = effects.now();
  const ending = target.protocol === "TCP"
    ? await overTcp(target, timeoutMs)
    : await overUdp(target, timeoutMs, effects);
  return { ...ending, ms: Math.round((effects.now() - started) * 1_000) / 1_000 };
}
