/**
 * Whoever looks at weir and uses its Services, in the network namespace where weir runs. It reads
 * one JSON command a line and answers each with one line.
 *
 * @module
 */
import { TextLineStream } from "./lines.ts";

/** Ask the metrics server for a page, or connect once to each of these addresses. */
type Command =
  | { readonly get: string }
  | { readonly connect: readonly { readonly hostname: string; readonly port: number }[] };

async function get(path: string): Promise<object> {
  const started = performance.now();
  const response = await fetch(`http://127.0.0.1:10249${path}`);
  const { byteLength } = await response.arrayBuffer();
  const milliseconds = performance.now() - started;
  if (!response.ok) throw new Error(`Cannot get "${path}": it answers ${response.status}`);
  return { milliseconds, bytes: byteLength };
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
  const answer = await ("get" in command ? get(command.get) : connect(command.connect));
  console.log(JSON.stringify(answer));
}
