/**
 * A page of JSON on somebody's metrics port: got, or what to do when there is none.
 *
 * @module
 */
import { messageOf, WeirError } from "../../schemas/errors.ts";
import { printableLine } from "../printable.ts";

/** What to do when it is not weir that was asked. */
const ELSEWHERE =
  "`ss -ltnp` tells which program it is, weir's log whether it waits for this address; if its metrics are " +
  "elsewhere (--metrics-bind-address), give --server";

/** Answers with which weir itself says what to do: for another name, a fault, too many requests. */
const WEIRS_OWN: ReadonlySet<number> = new Set([421, 500, 503]);

/** Fetches a page; the global one but in tests. */
export type Fetch = (
  url: string,
  init: { readonly signal: AbortSignal; readonly redirect: "manual" },
) => Promise<Response>;

/** There is no such page: the message says why, and what to do. */
export class Unanswered extends Error {
  /** What a stack trace begins with. */
  override readonly name: string = "Unanswered";
}

/** Why there was no answer. */
function silence(thrown: unknown, patienceMs: number): string {
  if (thrown instanceof Error && thrown.name === "TimeoutError") {
    const seconds = patienceMs / 1000;
    return `it has not answered for ${seconds} s: see weir's log and /livez; if its metrics are elsewhere ` +
      "(--metrics-bind-address), give --server";
  }
  const root = rootOf(thrown);
  if (thrown instanceof Deno.errors.NotCapable) return `Deno does not let it (${root})`;
  if (REFUSAL.test(root)) {
    return `nobody answers (${root}); is weir running on this node, and are its metrics there ` +
      "(--metrics-bind-address)? Otherwise give --server";
  }
  return `what listens there breaks off (${root}): it is another program, or a weir that ends; ${ELSEWHERE}`;
}

/**
 * Gets one.
 *
 * @param url Where it is.
 * @param fetch Fetches it.
 * @param patienceMs Milliseconds that it may take, all in all.
 * @returns What it says.
 * @throws {Unanswered} When nobody answers, or something else than a page of JSON.
 * @throws {WeirError} WEIR_QUESTION_INVALID with weir's words when it refuses the question.
 */
export async function readPage(url: string, fetch: Fetch, patienceMs: number): Promise<unknown> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(patienceMs), redirect: "manual" });
    text = isJson(response) || !response.ok ? await response.text() : "";
  } catch (thrown) {
    throw new Unanswered(silence(thrown, patienceMs), { cause: thrown });
  }
  if (response.ok && !isJson(response)) {
    // Whoever it is may go on for ever.
    await response.body?.cancel();
    throw new Unanswered(`its answer is no JSON: another program listens there; ${ELSEWHERE}`);
  }
  // weir's own reason, which begins so as all do.
  if (response.status === 400 && text.startsWith("Cannot ")) {
    throw new WeirError("WEIR_QUESTION_INVALID", printableLine(text.trim()));
  }
  if (response.status === 404) {
    const { pathname } = new URL(url);
    throw new Unanswered(
      `it has no page ${pathname}: it is another program, as kube-proxy, or an older weir; ` +
        ELSEWHERE,
    );
  }
  if (!response.ok) {
    const said = printableLine(text.slice(0, 200).trim());
    const state = `it answered ${response.status}${said === "" ? "" : `: ${said}`}`;
    throw new Unanswered(WEIRS_OWN.has(response.status) ? state : `${state}; ${ELSEWHERE}`);
  }
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw new Unanswered(`its answer is broken JSON (${messageOf(thrown)}); ${ELSEWHERE}`);
  }
}

function isJson(response: Response): boolean {
  return /^application\/json\b/i.test(response.headers.get("Content-Type") ?? "");
}

/** Nobody is there, in the words of the system. */
const REFUSAL = /Connection refused|timed out|No route to host|unreachable/i;

/** fetch() wraps what happened; the innermost says it, behind whom it asked. */
function rootOf(thrown: unknown): string {
  let innermost = thrown;
  while (innermost instanceof Error && innermost.cause instanceof Error) {
    innermost = innermost.cause;
  }
  const message = messageOf(innermost);
  const [refusal] = REFUSAL.exec(message) ?? [];
  return refusal?.toLowerCase() ?? message.replace(/^.*client error \(\w+\): /, "");
}
