/**
 * Asks the running weir, over the address of its metrics.
 *
 * @module
 */
import * as v from "valibot";
import { WeirError } from "../../schemas/errors.ts";
import { type Fetch, readPage, Unanswered } from "./json_page.ts";
import { readServerAddress } from "./server_address.ts";

/** Milliseconds that an answer may take. */
const PATIENCE_MS = 30_000;

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
  let body: unknown;
  try {
    body = await readPage(url.href, options.fetch, PATIENCE_MS);
  } catch (thrown) {
    throw thrown instanceof Unanswered ? unreachable(thrown.message, thrown) : thrown;
  }
  const read = v.safeParse(schema, body);
  if (read.success) return read.output;
  const [issue] = read.issues;
  throw unreachable(
    `its answer is another version's (${v.getDotPath(issue) ?? ""}: ${issue.message}): ask with ` +
      "the weir that runs there",
  );
}
