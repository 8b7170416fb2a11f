import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { WeirError } from "../../../schemas/errors.ts";
import { systemClock } from "../../clock.ts";
import { SimulatedClock } from "../../simulated_clock.ts";
import { type ApiClient, apiClient, PROTOBUF } from "./client.ts";
import type { ClientEvent } from "./client_event.ts";
import { TokenBucket } from "./rate_limit.ts";

/** A server that answers every request alike, and a client whose credentials never get better. */
class Scene {
  readonly clock = new SimulatedClock();
  readonly events: ClientEvent[] = [];
  readonly client: ApiClient;
  readonly #server;

  readonly host: string;

  private constructor(
    server: ReturnType<typeof createServer>,
    port: number,
    acceptContentTypes: string,
  ) {
    this.host = `localhost:${port}`;
    this.#server = server;
    const credentials = { server: `http://localhost:${port}`, tls: { insecure: false } };
    this.client = apiClient({
      credentials: {
        current: async () => credentials,
        renew: async () => {
          throw new WeirError("WEIR_CREDENTIALS", 'Cannot renew "token": the program failed');
        },
      },
      limit: new TokenBucket({ qps: -1, burst: 0, clock: systemClock }),
      contentType: PROTOBUF,
      acceptContentTypes,
      userAgent: "weir/test",
      clock: this.clock,
      observe: (event) => this.events.push(event),
    });
  }

  static async open(
    answer: (response: ServerResponse, request: IncomingMessage) => void,
    acceptContentTypes = "",
  ): Promise<Scene> {
    const server = createServer((request, response) => answer(response, request));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const address = server.address();
    assert.ok(typeof address === "object" && address !== null);
    return new Scene(server, address.port, acceptContentTypes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

Deno.test("credentials that cannot be renewed use up no connection", async () => {
  // As large as a login page of a proxy, so that it does not fit into the client's buffer.
  await using scene = await Scene.open((response) => {
    response.writeHead(401, { "content-type": "text/html" });
    response.end("x".repeat(400_000));
  });
  const patience = AbortSignal.timeout(2000);
  // The pool has eight connections: a ninth request shows whether the others are free again.
  for (let request = 0; request < 12; request++) {
    await assert.rejects(
      scene.client.get("/api/v1/services", patience),
      { code: "WEIR_CREDENTIALS" },
    );
  }
});

Deno.test("a failure whose body never ends is told by its status", async () => {
  await using scene = await Scene.open((response) => {
    response.writeHead(503, { "content-type": "text/plain" });
    response.write("upstream connect error");
  });
  const answer = assert.rejects(
    scene.client.get("/api/v1/services", AbortSignal.timeout(5000)),
    { code: "WEIR_API_SERVER", status: 503, message: /503 upstream connect error$/ },
  );
  while (scene.clock.waiting === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  // What was sent has arrived by then, since it came with the status.
  await new Promise((resolve) => setTimeout(resolve, 50));
  await scene.clock.advance(70_000);
  await answer;
});

Deno.test("a list tells of its wait, its connection, its answer and its size; a watch of no end", async () => {
  await using scene = await Scene.open((response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end("12345");
  });
  const read = async (path: string) => {
    const { body } = await scene.client.get(path, AbortSignal.timeout(5000));
    let bytes = 0;
    for await (const part of body) bytes += part.length;
    return bytes;
  };
  assert.equal(await read("/api/v1/services"), 5);
  const { host } = scene;
  assert.deepEqual(scene.events.splice(0), [
    { type: "limited", host, milliseconds: 0 },
    { type: "transport", result: "miss", entries: 1 },
    { type: "lookup", host: "localhost", milliseconds: 0 },
    { type: "answer", host, code: "200" },
    { type: "done", host, milliseconds: 0, bytes: 5 },
  ]);
  assert.equal(await read("/api/v1/services?watch=true"), 5);
  // It may be another connection of the same pool, for which the name is looked up anew.
  assert.deepEqual(scene.events.filter(({ type }) => type !== "lookup"), [
    { type: "limited", host, milliseconds: 0 },
    { type: "transport", result: "hit", entries: 1 },
    { type: "answer", host, code: "200" },
  ]);
});

Deno.test("an answer that is none and one that is a failure are told as such", async () => {
  await using scene = await Scene.open((response) => {
    response.writeHead(503);
    response.end("no");
  });
  const asked = () => scene.client.get("/api/v1/services", AbortSignal.timeout(5000));
  await assert.rejects(asked(), { status: 503 });
  const codes = () => scene.events.flatMap((event) => event.type === "answer" ? [event.code] : []);
  assert.deepEqual(codes(), ["503"]);
  await using broken = await Scene.open((response) => response.destroy());
  await assert.rejects(broken.client.get("/", AbortSignal.timeout(5000)), {
    code: "WEIR_API_SERVER",
  });
  assert.ok(broken.events.some((event) => event.type === "answer" && event.code === "<error>"));
});

for (
  const [given, sent] of [
    ["", "application/vnd.kubernetes.protobuf, application/json"],
    ["application/json", "application/json"],
  ] as const
) {
  Deno.test(`with acceptContentTypes "${given}" the API server is asked for ${sent}`, async () => {
    const asked: unknown[] = [];
    await using scene = await Scene.open((response, request) => {
      asked.push(request.headers.accept);
      response.writeHead(404).end();
    }, given);
    await assert.rejects(scene.client.get("/api/v1/services", AbortSignal.timeout(2000)));
    assert.deepEqual(asked, [sent]);
  });
}

Deno.test("a review is posted as JSON, answered in JSON, and told by the server's clock", async () => {
  const asked: unknown[] = [];
  await using scene = await Scene.open((response, request) => {
    const parts: Uint8Array[] = [];
    request.on("data", (part: Uint8Array) => parts.push(part));
    request.on("end", () => {
      const { method, url, headers: { accept, "content-type": type } } = request;
      asked.push({ method, url, accept, type, body: JSON.parse(parts.map(String).join("")) });
      response.writeHead(201, {
        "content-type": "application/json",
        "date": "Thu, 01 Jan 2026 00:00:00 GMT",
      });
      response.end('{"status":{"allowed":true}}');
    });
  });
  const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  const answer = await scene.client.post(path, { kind: "X" }, AbortSignal.timeout(5000));
  assert.deepEqual([answer.encoding, answer.date], ["json", "Thu, 01 Jan 2026 00:00:00 GMT"]);
  let text = "";
  for await (const part of answer.body) text += new TextDecoder().decode(part);
  assert.equal(text, '{"status":{"allowed":true}}');
  assert.deepEqual(asked, [{
    method: "POST",
    url: path,
    accept: "application/json",
    type: "application/json",
    body: { kind: "X" },
  }]);
});

Deno.test("a review that is refused says that it was posted", async () => {
  await using scene = await Scene.open((response) => {
    response.writeHead(403, { "content-type": "text/plain" });
    response.end("no");
  });
  await assert.rejects(
    scene.client.post("/apis/authorization.k8s.io/v1/x", {}, AbortSignal.timeout(5000)),
    { code: "WEIR_API_SERVER", message: /^Cannot post to "\/apis\/authorization/ },
  );
});
