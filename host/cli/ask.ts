/**
 * Asks the running weir, over the address of its metrics.
 *
 * @module
 */
import * as v from "valibot";
import { messageOf, WeirError } from "../../schemas/errors.ts";
import { printableLine } from "../printable.ts";
import { readServerAddress } from "./server_address.ts";

/** Milliseconds that an answer may take. */
const PATIENCE_MS = 30_000;

/** What to do when it is not weir that was asked. */
const ELSEWHERE =
  "if weir's metrics are elsewhere (--metrics-bind-address), give --server their address";

/** Answers with which weir itself says what to do: for another name, a fault, too many requests. */
const WEIRS_OWN: ReadonlySet<number> = new Set([421, 500, 503]);

/** Fetches a page; the global one but in tests. */
export type Fetch = (
  url: string,
  init: { readonly signal: AbortSignal; readonly redirect: "manual" },
) => Promise<Response>;

/** Whom to ask. */
export interface AskOptions {
  /** As --server has it: `IP:port`, an address alone, or `localhost:port`. */
  readonly server: string;
  readonly fetch: Fetch;
}

function baseOf(server: string): string {
  const address = readServerAddress(server);
  if (address.type === "base") return address.url;
  throw new WeirError("WEIR_CONFIG_INVALID", `Cannot use --server "${server}": ${address.state}`);
}

/** Why there was no answer. */
function silence(thrown: unknown): string {
  if (thrown instanceof Error && thrown.name === "TimeoutError") {
    return `it has not answered for ${
      PATIENCE_MS / 1000
    } s: see weir's log and /livez; ${ELSEWHERE}`;
  }
  const root = rootOf(thrown);
  if (thrown instanceof Deno.errors.NotCapable) return `Deno does not let it (${root})`;
  if (REFUSAL.test(root)) {
    return `nobody answers (${root}); is weir running on this node, and are its metrics there ` +
      "(--metrics-bind-address)? Otherwise give --server";
  }
  return `what listens there breaks off (${root}): another program, or a weir that ends; ${ELSEWHERE}`;
}

/**
 * Asks.
 *
 * @param schema What the answer is.
 * @param path The page, for example `/debug/top`.
 * @param query Its parameters; those that are undefined are left out.
 * @param options Whom.
 * @returns The answer.
 * @throws {WeirError} WEIR_UNREACHABLE with the remedy when nobody answers, or who answers is no
 * weir that knows the page; WEIR_QUESTION_INVALID with its words when it refuses the question.
 */
export async function ask<T>(
  schema: v.GenericSchema<unknown, T>,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
  options: AskOptions,
): Promise<T> {
  const { server } = options;
  const url = new URL(path, baseOf(server));
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  const unreachable = (state: string, cause?: unknown) =>
    new WeirError("WEIR_UNREACHABLE", `Cannot ask weir at "${server}": ${state}`, { cause });
  let response: Response;
  let text: string;
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    response = await options.fetch(url.href, { signal, redirect: "manual" });
    text = isJson(response) || !response.ok ? await response.text() : "";
  } catch (thrown) {
    throw unreachable(silence(thrown), thrown);
  }
  if (response.ok && !isJson(response)) {
    // Whoever it is may go on for ever.
    await response.body?.cancel();
    throw unreachable(`its answer is no JSON: another program listens there; ${ELSEWHERE}`);
  }
  const said = printableLine(text.slice(0, 200).trim());
  // weir's own reason, which begins so as all do.
  if (response.status === 400 && text.startsWith("Cannot ")) {
    throw new WeirError("WEIR_QUESTION_INVALID", printableLine(text.trim()));
  }
  if (response.status === 404) {
    throw unreachable(
      `it has no page ${path}: it is another program, as kube-proxy, or an older weir; ${ELSEWHERE}`,
    );
  }
  if (!response.ok) {
    const state = `it answered ${response.status}${said === "" ? "" : `: ${said}`}`;
    throw unreachable(WEIRS_OWN.has(response.status) ? state : `${state}; ${ELSEWHERE}`);
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (thrown) {
    throw unreachable(`its answer is broken JSON (${messageOf(thrown)}); ${ELSEWHERE}`, thrown);
  }
  const read = v.safeParse(schema, body);
  if (read.success) return read.output;
  const [issue] = read.issues;
  throw unreachable(
    `its answer is another version's (${v.getDotPath(issue) ?? ""}: ${issue.message}): ask with ` +
      `the weir that runs there; ${ELSEWHERE}`,
  );
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
