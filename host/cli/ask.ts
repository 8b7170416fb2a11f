/**
 * Asks the running weir, over the address of its metrics.
 *
 * @module
 */
import * as v from "valibot";
import { formatBindAddress, parseBindAddress } from "../../schemas/bind_address.ts";
import { messageOf, WeirError } from "../../schemas/errors.ts";
import { printableLine } from "../printable.ts";

/** Milliseconds that an answer may take. */
const PATIENCE_MS = 30_000;
const DEFAULT_PORT = 10_249;

/** Fetches a page; the global one but in tests. */
export type Fetch = (url: string, init: { readonly signal: AbortSignal }) => Promise<Response>;

/** Whom to ask. */
export interface AskOptions {
  /** As --server has it: `IP:port`, an address alone, or `localhost:port`. */
  readonly server: string;
  readonly fetch: Fetch;
}

function baseOf(server: string): string {
  const bare = server.replace(/^http:\/\//, "").replace(/\/$/, "");
  if (/^localhost(:\d{1,5})?$/.test(bare)) {
    return `http://${bare.includes(":") ? bare : `${bare}:${DEFAULT_PORT}`}`;
  }
  const address = parseBindAddress(bare, DEFAULT_PORT);
  if (typeof address === "string") {
    throw new WeirError("WEIR_CONFIG_INVALID", `Cannot use --server "${server}": ${address}`);
  }
  return `http://${formatBindAddress(address)}`;
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
    response = await options.fetch(url.href, { signal: AbortSignal.timeout(PATIENCE_MS) });
    text = await response.text();
  } catch (thrown) {
    const timedOut = thrown instanceof Error && thrown.name === "TimeoutError";
    throw unreachable(
      timedOut
        ? `it has not answered for ${PATIENCE_MS / 1000} s`
        : `nobody answers (${rootOf(thrown)}); is weir running on this node, and are its metrics ` +
          "there (--metrics-bind-address)? Otherwise give --server",
      thrown,
    );
  }
  if (response.status === 400) {
    throw new WeirError("WEIR_QUESTION_INVALID", printableLine(text.trim()));
  }
  if (response.status === 404) {
    throw unreachable(
      `it has no page ${path}: it is another program, as kube-proxy, or an older weir; ` +
        "`ss -ltnp` tells which, and weir's log whether it waits for this address, or else give " +
        "--server",
    );
  }
  if (!response.ok) {
    throw unreachable(
      `it answered ${response.status}: ${printableLine(text.slice(0, 200).trim())}`,
    );
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (thrown) {
    throw unreachable(`its answer is no JSON (${messageOf(thrown)})`, thrown);
  }
  const read = v.safeParse(schema, body);
  if (read.success) return read.output;
  const [issue] = read.issues;
  throw unreachable(
    `its answer is another version's (${v.getDotPath(issue) ?? ""}: ${issue.message})`,
  );
}

/** fetch() wraps what happened; the innermost says it. */
function rootOf(thrown: unknown): string {
  let innermost = thrown;
  while (innermost instanceof Error && innermost.cause instanceof Error) {
    innermost = innermost.cause;
  }
  const [, refusal] = /(Connection refused|timed out|No route to host|unreachable)/i
    .exec(messageOf(innermost)) ?? [];
  return refusal?.toLowerCase() ?? messageOf(innermost);
}
