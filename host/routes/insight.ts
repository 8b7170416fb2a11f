/**
 * What `weir explain`, `weir diff` and `weir top` ask: /debug/explain, /debug/diff and /debug/top.
 *
 * @module
 */
import { type Context, Hono } from "hono";
import { messageOf, WeirError } from "../../schemas/errors.ts";
import { oneByOne, type TakeTurn } from "../turns.ts";
import { streamed } from "./compressed.ts";
import { jsonPieces } from "./json_pieces.ts";
import type { Insight } from "../explain/insight.ts";

/** What the routes stand on. */
export type InsightSource = Pick<Insight, "explain" | "pending" | "top">;

const HEADERS = { "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" };
const QUESTION = ["service", "to", "protocol", "from"] as const;

/** The parameters of a request, each known and given once. */
function parametersOf(context: Context, known: readonly string[]): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  for (const [name, values] of Object.entries(context.req.queries())) {
    const [value = ""] = values;
    const state = !known.includes(name)
      ? `there is ${known.join(", ") || "none"}`
      : values.length > 1
      ? "it is given twice"
      : undefined;
    if (state !== undefined) {
      throw new WeirError(
        "WEIR_QUESTION_INVALID",
        `Cannot use parameter "${name.slice(0, 100)}": ${state}`,
      );
    }
    given.set(name, value);
  }
  return given;
}

/** What cannot be understood is the asker's fault, anything else the server's. */
async function answered(
  context: Context,
  turn: TakeTurn,
  answer: () => Promise<object>,
): Promise<Response> {
  try {
    const pieces = jsonPieces(await answer());
    return context.body(streamed(pieces, turn), 200, {
      ...HEADERS,
      "Content-Type": "application/json",
    });
  } catch (thrown) {
    if (!(thrown instanceof WeirError) || thrown.code !== "WEIR_QUESTION_INVALID") throw thrown;
    return context.text(`${messageOf(thrown)}\n`, 400, HEADERS);
  }
}

/**
 * Makes the routes. They only read.
 *
 * @param source Who answers.
 * @returns A Hono application.
 */
export function insightRoutes(source: InsightSource): Hono {
  const turn = oneByOne();
  return new Hono()
    .get("/debug/explain", (context) =>
      answered(context, turn, () => {
        const given = parametersOf(context, QUESTION);
        const [service, to, protocol, from] = QUESTION.map((name) => given.get(name));
        return source.explain({ service, to, protocol, from });
      }))
    .get(
      "/debug/diff",
      (context) =>
        answered(context, turn, () => {
          const given = parametersOf(context, ["views", "next"]);
          return source.pending(
            given.get("next") === "1" ? "next" : given.get("views") === "1" ? "last" : "none",
          );
        }),
    )
    .get("/debug/top", (context) =>
      answered(context, turn, () => {
        parametersOf(context, []);
        return source.top();
      }));
}
