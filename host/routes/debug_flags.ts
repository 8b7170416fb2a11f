/**
 * /debug/flags/v, by which the log's verbosity is set while weir runs, as upstream has it:
 * `curl -X PUT -d 4 http://127.0.0.1:10249/debug/flags/v`.
 *
 * @module
 */
import { Hono } from "hono";

const TEXT = { "Content-Type": "text/plain", "X-Content-Type-Options": "nosniff" };

/** Bytes of a body that are read: a number has no more. */
const MOST_BYTES = 64;

const INDEX = `<!DOCTYPE html>
<html lang="en">
<head><title>/debug/flags/</title></head>
<body>
<p>PUT a whole number to <code>/debug/flags/v</code>, and the log has that verbosity.</p>
</body>
</html>
`;

/** Reads a body and no more of it than is allowed, whatever the request says of its length. */
async function shortBody({ body }: Request): Promise<string | undefined> {
  let bytes = new Uint8Array();
  for await (const chunk of body ?? []) {
    // What is not read is cancelled with the loop.
    if (bytes.length + chunk.length > MOST_BYTES) return undefined;
    bytes = new Uint8Array([...bytes, ...chunk]);
  }
  return new TextDecoder().decode(bytes);
}

/** Why Go's `strconv.ParseInt(text, 10, 32)` does not take a text, or its value. */
function parseLevel(text: string): number | string {
  const state = (why: string) => `strconv.ParseInt: parsing ${JSON.stringify(text)}: ${why}`;
  if (!/^[+-]?\d+$/.test(text)) return state("invalid syntax");
  const level = Number(text);
  return level === (level | 0) ? level : state("value out of range");
}

/**
 * Makes the routes.
 *
 * @param setVerbosity Takes klog's level.
 * @returns A Hono application.
 */
export function debugFlagsRoutes(setVerbosity: (level: number) => void): Hono {
  return new Hono()
    .put("/debug/flags/v", async (context) => {
      const text = await shortBody(context.req.raw);
      if (text === undefined) return context.body("the body is too long\n", 400, TEXT);
      const level = parseLevel(text);
      if (typeof level === "string") {
        const state = `failed set klog.logging.verbosity ${text.slice(0, MOST_BYTES)}: ${level}`;
        return context.body(`${state}\n`, 400, TEXT);
      }
      setVerbosity(level);
      return context.body(`successfully set klog.logging.verbosity to ${text}\n`, 200, TEXT);
    })
    .all("/debug/flags/v", (context) => context.body("unsupported http method\n", 406, TEXT))
    .on(
      "GET",
      ["/debug/flags", "/debug/flags/", "/debug/flags/*"],
      (context) =>
        context.body(INDEX, 200, { ...TEXT, "Content-Type": "text/html; charset=utf-8" }),
    );
}
