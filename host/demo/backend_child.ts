/**
 * The program in a backend pod: whoever connects by TCP or sends a datagram, over IPv4 or IPv6,
 * is told the pod's name. It serves until its stdin ends.
 *
 *     deno run --allow-net host/demo/backend_child.ts NAME PORT ADDRESS…
 *
 * @module
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";

const [name = "", portText = "", ...addresses] = Deno.args;
const port = Number(portText);
const answer = new TextEncoder().encode(`${name}\n`);

async function greet(connection: Deno.Conn): Promise<void> {
  try {
    await connection.read(new Uint8Array(256));
    await connection.write(answer);
  } catch {
    // The client went away: nobody is left to be told.
  } finally {
    connection.close();
  }
}

async function serve(listener: Deno.Listener): Promise<void> {
  for await (const connection of listener) void greet(connection);
}

for (const address of addresses) {
  void serve(Deno.listen({ hostname: address, port }));
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("message", (_message, peer) => socket.send(answer, peer.port, peer.address));
  socket.bind(port, address);
  await once(socket, "listening");
}

console.log("ready");
for await (const _ of Deno.stdin.readable);
// Its end is the pod's: what is still open is reset, as when a container is stopped.
Deno.exit(0);
