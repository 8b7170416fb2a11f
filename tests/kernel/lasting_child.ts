/**
 * One connection that lasts, and the server at its other end, which says back what it hears
 * (lasting.ts).
 *
 *     deno run --allow-net tests/kernel/lasting_child.ts
 *
 * @module
 */
import type { LastingQuestion } from "./lasting.ts";
import { answerLines } from "./line_child.ts";

let connection: Deno.TcpConn | undefined;

function listen(hostname: string, port: number): void {
  const listener = Deno.listen({ hostname, port });
  void (async () => {
    for await (const accepted of listener) {
      void accepted.readable.pipeTo(accepted.writable).catch(() => {});
    }
  })();
}

async function say(text: string, timeout: number): Promise<string> {
  if (connection === undefined) throw new Error("Cannot say anything: nothing is connected");
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("Cannot hear an echo: it is late")), timeout);
  try {
    await connection.write(new TextEncoder().encode(text));
    const buffer = new Uint8Array(256);
    const size = await Promise.race([connection.read(buffer), late]);
    return new TextDecoder().decode(buffer.subarray(0, size ?? 0));
  } finally {
    clearTimeout(timer);
  }
}

await answerLines<LastingQuestion>(async (question) => {
  switch (question.do) {
    case "listen":
      return listen(question.address, question.port);
    case "connect":
      connection = await Deno.connect({ hostname: question.address, port: question.port });
      return;
    case "say":
      return await say(question.text, question.timeout);
  }
});
Deno.exit(0);
