import assert from "node:assert/strict";
import type { Log } from "../../schemas/capability.ts";
import type { ServiceHealth } from "../../schemas/health.ts";
import { SimulatedClock } from "../simulated_clock.ts";
import { ServiceHealthServers } from "./service_health_servers.ts";

/** Ports that nobody has, taken from the kernel together and given back. */
function freePorts(count: number): number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  return listeners.map((listener) => {
    const { port } = listener.addr;
    listener.close();
    return port;
  });
}

/** What a load balancer sees at a port: the Service and its weight, or nothing. */
async function ask(port: number, host = "127.0.0.1"): Promise<string> {
  try {
    const response = await fetch(`http://${host}:${port}/`, { headers: { Connection: "close" } });
    const { service } = await response.json();
    return `${response.status} ${service.name} ${
      response.headers.get("x-load-balancing-endpoint-weight")
    }`;
  } catch {
    return "refused";
  }
}

/** Asks until the answer is the one wanted: servers are bound a turn of the event loop later. */
async function sees(port: number, wanted: string, host?: string): Promise<void> {
  let answer = "";
  for (let tries = 0; tries < 400; tries++) {
    answer = await ask(port, host);
    if (answer === wanted) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(answer, wanted);
}

function stage() {
  const lines: string[] = [];
  const at = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  const log: Log = {
    debug: () => {},
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
  };
  const clock = new SimulatedClock();
  const servers = new ServiceHealthServers({ proxyHealthy: () => true, log, clock });
  servers.listenOn(["127.0.0.1"]);
  const put = (...healths: ServiceHealth[]) =>
    servers.update(
      healths.map((health) => [`${health.namespace}/${health.name}`, health]),
    );
  const drop = (name: string) => servers.update([[`d/${name}`, undefined]]);
  return { servers, lines, clock, put, drop };
}

function service(name: string, port: number, localEndpoints = 1): ServiceHealth {
  return { namespace: "d", name, port, localEndpoints };
}

Deno.test("a port answers with what is true now, and is refused once its Service is gone", async () => {
  const { servers, put, drop } = stage();
  const [port = 0] = freePorts(1);
  put(service("web", port, 3));
  await sees(port, "200 web 3");
  put(service("web", port, 0));
  assert.equal(await ask(port), "503 web 0");
  drop("web");
  await sees(port, "refused");
  put(service("web", port));
  await sees(port, "200 web 1");
  await servers.stop();
  assert.equal(await ask(port), "refused");
});

Deno.test("a port moves with its Service, and two Services may exchange theirs", async () => {
  const { servers, lines, put } = stage();
  const [one = 0, two = 0, three = 0] = freePorts(3);
  put(service("a", one), service("b", two));
  await sees(one, "200 a 1");
  await sees(two, "200 b 1");
  put(service("a", two), service("b", one));
  assert.equal(await ask(one), "200 b 1");
  assert.equal(await ask(two), "200 a 1");
  put(service("a", three));
  await sees(three, "200 a 1");
  await sees(two, "refused");
  await servers.stop();
  assert.deepEqual(lines, []);
});

Deno.test("of two Services with one port the first keeps it, and the second has it afterwards", async () => {
  const { servers, lines, put, drop } = stage();
  const [port = 0] = freePorts(1);
  put(service("first", port), service("second", port, 2));
  await sees(port, "200 first 1");
  assert.deepEqual(lines, [
    `warn Cannot serve health check "d/second": port ${port} is that of Service d/first`,
  ]);
  drop("first");
  await sees(port, "200 second 2");
  await servers.stop();
});

Deno.test("a port that another process has is said once, harms nobody and is served when free", async () => {
  const { servers, lines, clock, put } = stage();
  const holder = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const taken = holder.addr.port;
  const [port = 0] = freePorts(1);
  put(service("unlucky", taken), service("lucky", port));
  await sees(port, "200 lucky 1");
  await clock.advance(10_000);
  assert.deepEqual(lines, [
    `error Cannot bind "127.0.0.1:${taken}" for health check of Service d/unlucky: another ` +
    `process listens on port ${taken} (kube-proxy, or another weir?): stop it or give the ` +
    "Service another healthCheckNodePort",
  ]);
  holder.close();
  await clock.advance(5_000);
  await sees(taken, "200 unlucky 1");
  await servers.stop();
});

Deno.test("the servers follow the addresses of the node", async () => {
  const { servers, put } = stage();
  const [port = 0] = freePorts(1);
  put(service("web", port));
  await sees(port, "200 web 1");
  assert.equal(await ask(port, "[::1]"), "refused");
  servers.listenOn(["127.0.0.1", "::1"]);
  await sees(port, "200 web 1", "[::1]");
  servers.listenOn(["::1"]);
  await sees(port, "refused");
  servers.listenOn(["::"]);
  await sees(port, "200 web 1");
  await sees(port, "200 web 1", "[::1]");
  await servers.stop();
});
