/**
 * /flagz and /statusz, as Kubernetes components answer them (KEP-4828, KEP-4827): text for people
 * that no program should parse.
 *
 * @module
 */
import { type Context, Hono } from "hono";
import { masked } from "../telemetry/masked.ts";

/** What the pages tell. */
export interface ZPagesOptions {
  /** Every flag with its value, by name. */
  readonly flags: () => ReadonlyMap<string, string>;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Tells the time in milliseconds since the epoch. */
  readonly now: () => number;
  /** weir's, for example `0.1.0`. */
  readonly version: string;
  /** Of what runs it, for example `deno2.9.6`. */
  readonly runtime: string;
  /** The feature gates in force: with ComponentFlagz or ComponentStatusz off there is no page. */
  readonly gates: () => Readonly<Record<string, boolean>>;
  /** Paths that are served beside these. */
  readonly paths: readonly string[];
}

const WARNING = "Warning: This endpoint is not meant to be machine parseable, has no formatting " +
  "compatibility guarantees and is for debugging purposes only.";

const TEXT = { "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff" };

/** Whether a client that says `Accept: …` takes text; upstream refuses a client that says nothing. */
function acceptsText(accept: string | undefined): boolean {
  if (accept === undefined || accept === "") return true;
  return accept.split(",").some((range) => {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    if (!["text/plain", "text/*", "*/*"].includes(type)) return false;
    const others = parameters.filter((parameter) => !parameter.startsWith("q="));
    return others.every((parameter) => parameter === "charset=utf-8");
  });
}

function page(context: Context, enabled: boolean | undefined, text: () => string): Response {
  if (enabled === false) return context.body("404 page not found\n", 404, TEXT);
  if (acceptsText(context.req.header("Accept"))) return context.body(text(), 200, TEXT);
  return context.body("media type not acceptable, must be: text/plain\n", 406, TEXT);
}

/** `Mon Jan  2 15:04:05 UTC 2006`, Go's time.UnixDate. */
function unixDate(milliseconds: number): string {
  const date = new Date(milliseconds);
  const [weekday, day, month, year, time] = date.toUTCString().replace(",", "").split(" ");
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${time} UTC ${year}`;
}

function uptime(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  return `${Math.floor(minutes / 60)} hr ${two(minutes % 60)} min ${two(seconds % 60)} sec`;
}

/**
 * Makes the pages.
 *
 * @param options What they tell.
 * @returns A Hono application.
 */
export function zpagesRoutes(options: ZPagesOptions): Hono {
  const { flags, startedAt, now, version, runtime, gates, paths } = options;
  return new Hono()
    .get("/flagz", (context) =>
      page(context, gates()["ComponentFlagz"], () => {
        const lines = [...flags()].sort(([one], [other]) => one < other ? -1 : 1)
          .map(([name, value]) => `${name}=${masked(value)}`);
        return `\nweir flags\n${WARNING}\n\n${lines.join("\n")}\n`;
      }))
    .get("/statusz", (context) =>
      page(context, gates()["ComponentStatusz"], () => {
        const lines = [
          `Started: ${unixDate(startedAt)}`,
          `Up: ${uptime(now() - startedAt)}`,
          `Runtime version: ${runtime}`,
          `Binary version: ${version}`,
          `Paths: ${paths.join(" ")}`,
        ];
        return `\nweir statusz\n${WARNING}\n\n${lines.join("\n")}\n`;
      }));
}
