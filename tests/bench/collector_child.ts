/**
 * A collector for the bench, in a process of its own: it reads what it is sent and answers. Its
 * first line has its address; each line it reads is answered with how much it was sent.
 *
 * @module
 */
import { TextLineStream } from "./lines.ts";

let requests = 0;
let bytes = 0;

const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen: () => {} },
  async (request) => {
    bytes += (await request.arrayBuffer()).byteLength;
    requests++;
    return new Response(null, { headers: { "Content-Type": "application/x-protobuf" } });
  },
);
console.log(JSON.stringify({ url: `http://127.0.0.1:${server.addr.port}` }));
for await (const _ of Deno.stdin.readable.pipeThrough(new TextLineStream())) {
  console.log(JSON.stringify({ requests, bytes }));
}
Deno.exit(0);
