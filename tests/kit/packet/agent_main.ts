/**
 * The agents' program: it listens and connects inside network namespaces that a test holds open. It
 * reads requests from stdin and writes replies to stdout, one JSON object a line, and ends with its
 * stdin.
 *
 * One program serves all namespaces: a socket belongs to the namespace in which the call that made
 * it ran. Deno makes the sockets of `listen`, `listenDatagram` and, to an address, of `connect`
 * before these calls return.
 *
 * @module
 */
import { errnoName } from "../../../host/capabilities/errno.ts";
import { SystemCallError } from "../../../host/capabilities/libc.ts";
import { NetworkNamespace } from "../../../host/capabilities/namespace.ts";
import { DatagramSocket } from "./datagram.ts";
import type { AgentReply, Connect, Exchange, Listen, Numbered } from "./protocol.ts";
import { readSctp, writeSctp } from "./sctp.ts";

/** Milliseconds between two looks of an SCTP listener at whether it is to close. */
const LOOK = 1000;

/** A namespace with what listens in it. */
interface Place {
  readonly namespace: NetworkNamespace;
  readonly listeners: { close(): void }[];
}

function versionOf(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}

function greeting(name: string, from: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${name} ${from}`);
}

async function greet(connection: Deno.TcpConn, name: string): Promise<void> {
  try {
    await connection.write(greeting(name, connection.remoteAddr.hostname));
  } catch {
    // A client may give up at any time; that is its own affair.
  } finally {
    connection.close();
  }
}

async function serveTcp(listener: Deno.TcpListener, name: string): Promise<void> {
  for await (const connection of listener) void greet(connection, name);
}

async function serveUdp(socket: Deno.DatagramConn, name: string): Promise<void> {
  for await (const [, client] of socket) {
    if (client.transport !== "udp") continue;
    await socket.send(greeting(name, client.hostname), client).catch(() => undefined);
  }
}

async function serveSctp(
  socket: DatagramSocket,
  { address, port, name }: Listen,
  open: () => boolean,
): Promise<void> {
  const version = versionOf(address);
  while (open()) {
    await socket.readable(LOOK);
    for (let packet = socket.receive(); packet !== undefined; packet = socket.receive()) {
      const init = readSctp(packet.bytes, version);
      if (init?.chunk !== "init" || init.targetPort !== port) continue;
      const answer = writeSctp({
        sourcePort: port,
        targetPort: init.sourcePort,
        verificationTag: init.initiateTag,
        chunk: "init-ack",
        initiateTag: 1,
        cookie: greeting(name, packet.from.ip),
      });
      socket.send(answer, { ip: packet.from.ip, port: 0 });
    }
  }
}

function listen({ namespace, listeners }: Place, request: Listen): void {
  const { transport, address: hostname, port, name } = request;
  if (transport === "tcp") {
    const listener = namespace.inside(() => Deno.listen({ hostname, port }));
    listeners.push(listener);
    void serveTcp(listener, name);
  } else if (transport === "udp") {
    const socket = namespace.inside(() =>
      Deno.listenDatagram({ transport: "udp", hostname, port })
    );
    listeners.push(socket);
    void serveUdp(socket, name);
  } else {
    const socket = namespace.inside(() => new DatagramSocket("sctp", versionOf(hostname)));
    socket.bind({ ip: hostname, port: 0 });
    let open = true;
    listeners.push({ close: () => open = false });
    serveSctp(socket, request, () => open).finally(() => socket[Symbol.dispose]()).catch(
      (fault) => {
        console.error(fault);
        Deno.exit(1);
      },
    );
  }
}

function answered(text: string, started: number): Exchange {
  const [by = "", from = ""] = text.split(" ");
  return { outcome: "answered", by, from, milliseconds: performance.now() - started };
}

function failed(error: string, started: number): Exchange {
  return { outcome: "failed", error, milliseconds: performance.now() - started };
}

function errorOf(fault: unknown): string {
  if (fault instanceof Error && "code" in fault && typeof fault.code === "string") {
    return fault.code;
  }
  return String(fault);
}

async function readToEnd(connection: Deno.TcpConn): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(256);
  let text = "";
  for (;;) {
    const length = await connection.read(buffer);
    if (length === null) return text;
    text += decoder.decode(buffer.subarray(0, length), { stream: true });
  }
}

async function connectTcp(
  { address: hostname, port, timeout }: Connect,
  namespace: NetworkNamespace,
): Promise<Exchange> {
  const started = performance.now();
  const controller = new AbortController();
  const { signal } = controller;
  // Ends the attempt, and the connection as well.
  const timer = setTimeout(() => controller.abort(), timeout);
  try {
    const { connecting } = namespace.inside(() => ({
      connecting: Deno.connect({ hostname, port, signal, autoSelectFamily: false }),
    }));
    using connection = await connecting;
    const close = () => connection.close();
    signal.addEventListener("abort", close);
    const text = await readToEnd(connection);
    signal.removeEventListener("abort", close);
    return text === "" ? failed("ECONNRESET", started) : answered(text, started);
  } catch (fault) {
    return failed(signal.aborted ? "ETIMEDOUT" : errorOf(fault), started);
  } finally {
    clearTimeout(timer);
  }
}

/** One packet there and one back, over a socket that learns of ICMP errors. */
async function exchangePacket(
  { transport, address, port, timeout, sourcePort: fixedPort }: Connect,
  namespace: NetworkNamespace,
): Promise<Exchange> {
  const started = performance.now();
  const version = versionOf(address);
  using socket = namespace.inside(() =>
    new DatagramSocket(transport === "sctp" ? "sctp" : "udp", version)
  );
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

async function connect({ namespace }: Place, request: Connect): Promise<readonly Exchange[]> {
  const exchanges: Exchange[] = [];
  let begun = 0;
  const one = request.transport === "tcp" ? connectTcp : exchangePacket;
  const line = async () => {
    while (begun < request.count) {
      begun++;
      exchanges.push(await one(request, namespace));
    }
  };
  await Promise.all(Array.from({ length: request.concurrency }, line));
  return exchanges;
}

const places = new Map<string, Place>();

/** Which namespace a path names, opened when it is first named. */
function placeOf(path: string): Place {
  const known = places.get(path);
  if (known !== undefined) return known;
  const place: Place = { namespace: NetworkNamespace.open(path, path), listeners: [] };
  places.set(path, place);
  return place;
}

function leave(path: string): void {
  const place = places.get(path);
  places.delete(path);
  for (const listener of place?.listeners ?? []) listener.close();
  place?.namespace.close();
}

async function answer({ id, namespace, request }: Numbered): Promise<AgentReply> {
  try {
    if (request.do === "connect") {
      return { id, exchanges: await connect(placeOf(namespace), request) };
    }
    if (request.do === "listen") listen(placeOf(namespace), request);
    else leave(namespace);
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
