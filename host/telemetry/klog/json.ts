/**
 * The JSON format of component-base, which writes it by zap and zapr: one object a line, `v` for
 * what is no error, the fields beside the message. Like there, a warning is no different from
 * other news.
 *
 * @module
 */
import { siteName } from "../call_site.ts";
import type { LogFormat } from "../log.ts";
import { jsonOf } from "./value.ts";

/** What the format says itself: a plugin must not be able to say it in its place. */
const RESERVED: ReadonlySet<string> = new Set(["ts", "caller", "msg", "v", "stacktrace"]);

/**
 * Makes the JSON format.
 *
 * @returns Turns a record into an object on a line of its own. `ts` is in milliseconds since the
 * epoch; a field by a name of the format's own is written as `field.<name>`.
 */
export function jsonFormat(): LogFormat {
  return ({ severity, time, site, level, message, fields, stack }) => {
    let line = `{"ts":${time},"caller":${JSON.stringify(siteName(site, 2))},"msg":${
      JSON.stringify(message)
    }`;
    if (severity !== "error") line += `,"v":${level}`;
    for (const [key, value] of Object.entries(fields)) {
      line += `,${JSON.stringify(RESERVED.has(key) ? `field.${key}` : key)}:${jsonOf(value)}`;
    }
    // zap's key, where its logger is made to add stack traces.
    if (stack !== undefined) line += `,"stacktrace":${JSON.stringify(stack.join("\n"))}`;
    return `${line}}\n`;
  };
}
