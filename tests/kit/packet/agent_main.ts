/**
 * The agent: a small program that a test runs inside a network namespace, where it listens and
 * connects. It reads requests from stdin and writes replies to stdout, one JSON object a line, and
 * ends with its stdin.
 *
 * @module
 */
import dgram from "node:dgram";
import net from "node:net";
import { SystemCallError } from "../../../host/capabilities/libc.ts";
import { errnoName } from "../../../host/capabilities/errno.ts";
import { DatagramSocket } from "./datagram.ts";
import type { AgentReply, Connect, Exchange, Listen, Numbered } from "./protocol.ts";
import { readSctp, writeSctp } from "./sctp.ts";

function versionOf(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}

function greeting(name: string, from: string): string {
  return `${name} ${from}`;
}

function listenTcp({ address, port, name }: Listen): Promise<void> {
  const server = net.createServer((socket) => {
    // A client may give up at any time; that is its own affair.
    socket.on("error", () => socket.destroy());
    socket.end(greeting(name, socket.remoteAddress ?? ""));
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address, port }, () => resolve());
  });
}

function listenUdp({ address, port, name }: Listen): Promise<void> {
  const socket = dgram.createSocket(versionOf(address) === 4 ? "udp4" : "udp6");
  socket.on("message", (_, client) => {
    socket.send(greeting(name, client.address), client.port, client.address);
  });
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, address, () => resolve());
  });
}

async function serveSctp(socket: DatagramSocket, { address, port, name }: Listen): Promise<void> {
  const version = versionOf(address);
  for (;;) {
    await socket.readable(-1);
    for (let packet = socket.receive(); packet !== undefined; packet = socket.receive()) {
      const init = readSctp(packet.bytes, version);
      if (init?.chunk !== "init" || init.targetPort !== port) continue;
      const answer = writeSctp({
        sourcePort: port,
        targetPort: init.sourcePort,
        verificationTag: init.initiateTag,
        chunk: "init-ack",
        initiateTag: 1,
        cookie: new TextEncoder().encode(greeting(name, packet.from.ip)),
      });
      socket.send(answer, { ip: packet.from.ip, port: 0 });
    }
  }
}

async function listen(request: Listen): Promise<void> {
  if (request.transport === "tcp") await listenTcp(request);
  else if (request.transport === "udp") await listenUdp(request);
  else {
    const socket = new DatagramSocket("sctp", versionOf(request.address));
    socket.bind({ ip: request.address, port: 0 });
    serveSctp(socket, request).catch((fault) => {
      console.error(fault);
      Deno.exit(1);
    });
  }
}

function answered(text: string, started: number): Exchange {
  const [by = "", from = ""] = text.split(" ");
  return { outcome: "answered", by, from, milliseconds: performance.now() - started };
}

function failed(error: string, started: number): Exchange {
  return { outcome: "failed", error, milliseconds: performance.now() - started };
}

function connectTcp({ address, port, timeout }: Connect): Promise<Exchange> {
  const started = performance.now();
  return new Promise((resolve) => {
    const socket = net.connect({ host: address, port });
    const timer = setTimeout(() => end(failed("ETIMEDOUT", started)), timeout);
    let text = "";
    const end = (exchange: Exchange) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(exchange);
    };
    socket.on("data", (data: Uint8Array) => text += new TextDecoder().decode(data));
    socket.on(
      "end",
      () => end(text === "" ? failed("ECONNRESET", started) : answered(text, started)),
    );
    socket.on("error", (fault: Error & { code?: string }) => {
      end(failed(fault.code ?? fault.message, started));
    });
  });
}

/** One packet there and one back, over a socket that learns of ICMP errors. */
async function exchangePacket(
  { transport, address, port, timeout, sourcePort: fixedPort }: Connect,
): Promise<Exchange> {
  const started = performance.now();
  const version = versionOf(address);
  using socket = new DatagramSocket(transport === "sctp" ? "sctp" : "udp", version);
  try {
    const sourcePort = 20000 + Math.floor(Math.random() * 40000);
    const tag = 1 + Math.floor(Math.random() * 0xfffffffe);
    if (transport === "udp" && fixedPort !== undefined) {
      socket.bind({ ip: version === 4 ? "0.0.0.0" : "::", port: fixedPort });
    }
    socket.connect({ ip: address, port: transport === "sctp" ? 0 : port });
    socket.send(
      transport === "udp" ? new TextEncoder().encode("who?") : writeSctp({
        sourcePort,
        targetPort: port,
        verificationTag: 0,
        chunk: "init",
        initiateTag: tag,
        cookie: new Uint8Array(0),
      }),
    );
    for (;;) {
      const packet = socket.receive();
      if (packet === undefined) {
        const left = timeout - (performance.now() - started);
        if (left <= 0) return failed("ETIMEDOUT", started);
        await socket.readable(left);
      } else if (transport === "udp") {
        return answered(new TextDecoder().decode(packet.bytes), started);
      } else {
        const reply = readSctp(packet.bytes, version);
        const mine = reply?.chunk === "init-ack" && reply.targetPort === sourcePort &&
          reply.sourcePort === port && reply.verificationTag === tag;
        if (mine) return answered(new TextDecoder().decode(reply.cookie), started);
      }
    }
  } catch (fault) {
    if (fault instanceof SystemCallError) return failed(errnoName(fault.errno), started);
    throw fault;
  }
}

async function connect(request: Connect): Promise<readonly Exchange[]> {
  const exchanges: Exchange[] = [];
  let begun = 0;
  const one = request.transport === "tcp" ? connectTcp : exchangePacket;
  const line = async () => {
    while (begun < request.count) {
      begun++;
      exchanges.push(await one(request));
    }
  };
  await Promise.all(Array.from({ length: request.concurrency }, line));
  return exchanges;
}

async function answer({ id, request }: Numbered): Promise<AgentReply> {
  try {
    if (request.do === "connect") return { id, exchanges: await connect(request) };
    await listen(request);
    return { id, exchanges: [] };
  } catch (fault) {
    return { id, error: String(fault) };
  }
}

let rest = "";
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  rest += text;
  for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
    const numbered: Numbered = JSON.parse(rest.slice(0, end));
    rest = rest.slice(end + 1);
    answer(numbered).then((reply) => console.log(JSON.stringify(reply)));
  }
}
Deno.exit(0);
