/**
 * Whoever looks at weir and uses its Services, in the network namespace where weir runs. It reads
 * one JSON command a line and answers each with one line.
 *
 * @module
 */
import { TextLineStream } from "./lines.ts";

/** Ask the metrics server for a page, as many times at once, or connect once to each of these addresses. */
type Command =
  | { readonly get: string; readonly times?: number }
  | { readonly connect: readonly { readonly hostname: string; readonly port: number }[] };

async function get(path: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:10249${path}`);
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`Cannot get "${path}": it answers ${response.status}`);
}

/** The slowest of as many answers. */
async function getAll(
  { get: path, times = 1 }: Extract<Command, { get: string }>,
): Promise<object> {
  const started = performance.now();
  const answers = await Promise.allSettled(Array.from({ length: times }, () => get(path)));
  // Of many large answers at once weir may cut off some.
  const cut = answers.find(({ status }) => status === "rejected");
  if (times === 1 && cut?.status === "rejected") throw cut.reason;
  return { milliseconds: performance.now() - started };
}

/** Every endpoint refuses: what counts is that the connection was sent to one. */
async function connect(to: Extract<Command, { connect: unknown }>["connect"]): Promise<object> {
  let refused = 0;
  for (const address of to) {
    try {
      (await Deno.connect(address)).close();
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.ConnectionRefused)) throw thrown;
      refused++;
    }
  }
  return { refused };
}

for await (const line of Deno.stdin.readable.pipeThrough(new TextLineStream())) {
  const command: Command = JSON.parse(line);
  const answer = await ("get" in command ? getAll(command) : connect(command.connect));
  console.log(JSON.stringify(answer));
}
