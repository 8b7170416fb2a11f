import assert from "node:assert/strict";
import type { Log } from "../../schemas/capability.ts";
import type { CredentialSource, ExecCall } from "../../schemas/credentials.ts";
import { FakeApiServer } from "../../tests/kit/api_server.ts";
import { type Certificates, makeCertificates } from "../../tests/kit/certificates.ts";
import { apiClient, PROTOBUF } from "../source/kube/client.ts";
import { systemClock } from "../clock.ts";
import { TokenBucket } from "../source/kube/rate_limit.ts";
import { type CredentialOptions, credentialSource } from "./credentials.ts";

const never = new AbortController().signal;

/** A directory, a clock and a log for one test. */
class Desk {
  readonly directory = Deno.makeTempDirSync();
  readonly warnings: string[] = [];
  time = Date.now();

  source(options: Partial<CredentialOptions>): CredentialSource {
    const log: Log = {
      debug: () => {},
      info: () => {},
      warn: (message) => this.warnings.push(message),
      error: () => {},
    };
    return credentialSource({
      kubeconfig: "",
      master: "",
      serviceAccount: { host: "", port: "", directory: this.directory },
      deno: Deno.execPath(),
      log,
      now: () => this.time,
      ...options,
    });
  }

  write(name: string, text: string, mode = 0o600): string {
    const path = `${this.directory}/${name}`;
    Deno.writeTextFileSync(path, text, { mode });
    return path;
  }

  kubeconfig(cluster: Record<string, unknown>, user: Record<string, unknown>): string {
    const config = {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "here",
      contexts: [{ name: "here", context: { cluster: "c", user: "u" } }],
      clusters: [{ name: "c", cluster }],
      users: [{ name: "other", user: { token: "wrong" } }, { name: "u", user }],
    };
    return this.write("kubeconfig", JSON.stringify(config));
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

/** What the server answers to a list with these credentials. */
async function asks(credentials: CredentialSource): Promise<string> {
  const client = apiClient({
    credentials,
    limit: new TokenBucket({ qps: -1, burst: 0, clock: systemClock }),
    contentType: PROTOBUF,
    userAgent: "weir/test",
    clock: systemClock,
  });
  const stop = new AbortController();
  try {
    await client.get("/api/v1/services", stop.signal);
    return "ok";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    stop.abort();
    await client.close();
  }
}

let made: Promise<Certificates> | undefined;
const certificates = () => made ??= makeCertificates();

Deno.test("in a pod the service account's files are enough, without a child process", async () => {
  using desk = new Desk();
  const { ca } = await certificates();
  desk.write("ca.crt", ca);
  desk.write("token", "first\n");
  const source = desk.source({
    deno: "/nowhere",
    serviceAccount: { host: "10.96.0.1", port: "443", directory: desk.directory },
  });
  assert.deepEqual(await source.current(never), {
    server: "https://10.96.0.1:443",
    tls: { ca, insecure: false },
    authorization: "Bearer first",
  });
});

Deno.test("a pod of an IPv6 cluster reaches the server by a bracketed address", async () => {
  using desk = new Desk();
  desk.write("ca.crt", "x");
  desk.write("token", "t");
  const serviceAccount = { host: "fd00::1", port: "443", directory: desk.directory };
  const { server } = await desk.source({ serviceAccount }).current(never);
  assert.equal(server, "https://[fd00::1]:443");
});

Deno.test("outside a pod and without flags it is said what to give", async () => {
  using desk = new Desk();
  await assert.rejects(desk.source({}).current(never), {
    code: "WEIR_CREDENTIALS",
    message: /KUBERNETES_SERVICE_PORT are not set; outside a pod give --kubeconfig/,
  });
});

Deno.test("--master alone is asked anonymously", async () => {
  using desk = new Desk();
  await using server = await FakeApiServer.start();
  assert.equal(await asks(desk.source({ master: server.url })), "ok");
  assert.equal(server.requests[0]?.authorization, "");
});

Deno.test("a rotated token file is read again after a minute, and at once on 401", async () => {
  using desk = new Desk();
  desk.write("ca.crt", "x");
  desk.write("token", "first");
  const source = desk.source({
    serviceAccount: { host: "10.96.0.1", port: "443", directory: desk.directory },
  });
  const first = await source.current(never);
  desk.write("token", "second");
  assert.equal(await source.current(never), first, "the same object while nothing is read");
  desk.time += 60_000;
  const second = await source.current(never);
  assert.equal(second.authorization, "Bearer second");
  desk.write("token", "third");
  const third = await source.renew(second, never);
  assert.equal(third.authorization, "Bearer third");
  assert.equal(await source.renew(second, never), third, "renewed once for all who were refused");
  desk.write("token", "");
  desk.time += 60_000;
  assert.equal((await source.current(never)).authorization, "Bearer third");
  assert.match(desk.warnings[0] ?? "", /^Cannot read token ".*token": the file is empty$/);
});

Deno.test("a kubeconfig with a client certificate opens a server that asks for one", async () => {
  using desk = new Desk();
  const { ca, client, server: pair } = await certificates();
  await using server = await FakeApiServer.start({
    tls: { certificate: pair.certificate, key: pair.key, clientCa: ca },
  });
  desk.write("ca.crt", ca);
  desk.write("client.key", client.key);
  const kubeconfig = desk.kubeconfig(
    { server: server.url, "certificate-authority": "ca.crt" },
    { "client-certificate-data": btoa(client.certificate), "client-key": "client.key" },
  );
  assert.equal(await asks(desk.source({ kubeconfig })), "ok");
  const without = desk.kubeconfig({ server: server.url, "certificate-authority": "ca.crt" }, {});
  assert.match(await asks(desk.source({ kubeconfig: without })), /^Cannot reach API server/);
});

Deno.test("a server is trusted by its authority and its name only, unless told otherwise", async () => {
  using desk = new Desk();
  const { ca, server: pair } = await certificates();
  await using server = await FakeApiServer.start({ tls: pair });
  const authority = { "certificate-authority-data": btoa(ca) };
  const cases: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [authority, /^ok$/],
    [{}, /^Cannot reach API server .*certificate/],
    [{ "insecure-skip-tls-verify": true }, /^ok$/],
    [{ ...authority, "tls-server-name": "kubernetes.default.svc" }, /^ok$/],
    [{ ...authority, "tls-server-name": "other.svc" }, /^Cannot reach API server .*other\.svc/],
  ];
  for (const [cluster, expected] of cases) {
    const kubeconfig = desk.kubeconfig({ server: server.url, ...cluster }, {});
    assert.match(await asks(desk.source({ kubeconfig })), expected);
  }
});

Deno.test("--master stands before the kubeconfig's server, the rest stays", async () => {
  using desk = new Desk();
  await using server = await FakeApiServer.start({ token: "t0" });
  const kubeconfig = desk.kubeconfig({ server: "https://192.0.2.1" }, { token: "t0" });
  assert.equal(await asks(desk.source({ kubeconfig, master: server.url })), "ok");
});

Deno.test("a kubeconfig's tokenFile, relative to it, is read and read again", async () => {
  using desk = new Desk();
  await using server = await FakeApiServer.start({ token: "new" });
  desk.write("sa-token", "old");
  const kubeconfig = desk.kubeconfig({ server: server.url }, { tokenFile: "sa-token" });
  const source = desk.source({ kubeconfig });
  assert.equal((await source.current(never)).authorization, "Bearer old");
  desk.write("sa-token", "new");
  assert.equal(await asks(source), "ok", "401, then the new token");
});

Deno.test("a name and a password are sent as Basic", async () => {
  using desk = new Desk();
  const user = { username: "ada", password: "secret" };
  const kubeconfig = desk.kubeconfig({ server: "https://192.0.2.1" }, user);
  const { authorization } = await desk.source({ kubeconfig }).current(never);
  assert.equal(authorization, `Basic ${btoa("ada:secret")}`);
});

/** An exec plugin that counts its runs into its token. */
const PLUGIN = `#!/bin/sh
runs=$(($(cat "$COUNTER" 2>/dev/null || echo 0) + 1))
echo $runs > "$COUNTER"
echo "$KUBERNETES_EXEC_INFO" > "$COUNTER.info"
echo "$PATH" > "$COUNTER.path"
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":'
printf '{"token":"%s-%s","expirationTimestamp":"%s"}}' "$1" "$runs" "$EXPIRES"
`;

Deno.test("an exec plugin gives a token, which is renewed before it ends", async () => {
  using desk = new Desk();
  desk.write("plugin.sh", PLUGIN, 0o700);
  const kubeconfig = desk.kubeconfig({ server: "https://192.0.2.1" }, {
    exec: {
      apiVersion: "client.authentication.k8s.io/v1",
      command: "./plugin.sh",
      args: ["token"],
      env: [
        { name: "COUNTER", value: `${desk.directory}/runs` },
        { name: "EXPIRES", value: new Date(desk.time + 600_000).toISOString() },
      ],
      interactiveMode: "Never",
      provideClusterInfo: true,
    },
  });
  const calls: ExecCall[] = [];
  const source = desk.source({ kubeconfig, observeExec: (call) => calls.push(call) });
  const first = await source.current(never);
  assert.equal(first.authorization, "Bearer token-1");
  assert.deepEqual(calls, [{ code: 0, status: "no_error" }]);
  const info = JSON.parse(Deno.readTextFileSync(`${desk.directory}/runs.info`));
  assert.deepEqual(info.spec, { interactive: false, cluster: { server: "https://192.0.2.1" } });
  // Cloud plugins find their configuration by PATH, HOME and their own variables.
  assert.match(Deno.readTextFileSync(`${desk.directory}/runs.path`), /bin/);
  desk.time += 530_000;
  assert.equal(await source.current(never), first, "more than a minute is left");
  desk.time += 10_000;
  const second = await source.current(never);
  assert.equal(second.authorization, "Bearer token-2");
  desk.time += 10_000;
  assert.equal((await source.renew(second, never)).authorization, "Bearer token-3");
});

Deno.test("that weir may not run Deno is said as such, with what to allow", async () => {
  using desk = new Desk();
  const kubeconfig = desk.write("fine", "kind: Config");
  await assert.rejects(desk.source({ kubeconfig, deno: "/opt/other/deno" }).current(never), {
    code: "WEIR_CREDENTIALS",
    message: /may not run Deno to read it: start weir with \/opt\/other\/deno in --allow-run$/,
  });
});

Deno.test("what is wrong with a kubeconfig is said with its path", async () => {
  using desk = new Desk();
  const server = "https://192.0.2.1";
  const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "./fails.sh" };
  desk.write("fails.sh", "#!/bin/sh\necho no session >&2\nexit 3\n", 0o700);
  const cases: readonly (readonly [string, RegExp])[] = [
    [`${desk.directory}/absent`, /^Cannot use kubeconfig ".*absent": No such file/],
    [desk.write("bad", "{"), /^Cannot use kubeconfig ".*bad": /],
    [desk.write("empty", "kind: Config"), /it has no current-context$/],
    [desk.kubeconfig({ server, "proxy-url": "http://p" }, {}), /proxy-url is not supported$/],
  ];
  for (const [kubeconfig, message] of cases) {
    await assert.rejects(desk.source({ kubeconfig }).current(never), {
      code: "WEIR_CREDENTIALS",
      message,
    });
  }
  const users: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{ as: "root" }, /impersonation \(as\) is not supported$/],
    [{ "auth-provider": { name: "gcp" } }, /auth-provider is not supported; use exec$/],
    [{ exec: { ...exec, apiVersion: "v0" } }, /exec of its user is wrong: apiVersion /],
    [{ exec }, /^Cannot run exec plugin ".*fails\.sh": it ended with status 3: no session$/],
    [{ "client-certificate": "absent.crt" }, /absent\.crt/],
  ];
  for (const [user, message] of users) {
    const kubeconfig = desk.kubeconfig({ server }, user);
    await assert.rejects(desk.source({ kubeconfig }).current(never), {
      code: "WEIR_CREDENTIALS",
      message,
    });
  }
});

Deno.test("a kubeconfig that breaks later leaves the last credentials in use", async () => {
  using desk = new Desk();
  const kubeconfig = desk.kubeconfig({ server: "https://192.0.2.1" }, { token: "good" });
  const source = desk.source({ kubeconfig });
  const first = await source.current(never);
  desk.write("kubeconfig", "{");
  desk.time += 10_000;
  assert.equal(await source.renew(first, never), first);
  assert.match(desk.warnings[0] ?? "", /^Cannot use kubeconfig/);
});

const outcomes: readonly (readonly [string, string, number, ExecCall])[] = [
  ["fails", "#!/bin/sh\nexit 3\n", 0o700, { code: 3, status: "plugin_execution_error" }],
  ["prints nonsense", "#!/bin/sh\necho no\n", 0o700, { code: 1, status: "client_internal_error" }],
  ["may not be run", "#!/bin/sh\n", 0o600, { code: 1, status: "client_internal_error" }],
  ["is not there", "", 0, { code: 1, status: "plugin_not_found_error" }],
];

for (const [what, text, mode, call] of outcomes) {
  Deno.test(`an exec plugin that ${what} is counted as ${call.status}`, async () => {
    using desk = new Desk();
    if (text !== "") desk.write("plugin.sh", text, mode);
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "./plugin.sh" };
    const kubeconfig = desk.kubeconfig({ server: "https://192.0.2.1" }, { exec });
    const calls: ExecCall[] = [];
    const source = desk.source({ kubeconfig, observeExec: (call) => calls.push(call) });
    await assert.rejects(source.current(never), { code: "WEIR_CREDENTIALS" });
    assert.deepEqual(calls, [call]);
  });
}

Deno.test("an exec plugin's certificate is told with its life", async () => {
  using desk = new Desk();
  const { client } = await certificates();
  const status = {
    clientCertificateData: client.certificate,
    clientKeyData: client.key,
  };
  const credential = {
    apiVersion: "client.authentication.k8s.io/v1",
    kind: "ExecCredential",
    status,
  };
  desk.write("credential.json", JSON.stringify(credential));
  desk.write("plugin.sh", `#!/bin/sh\ncat ${desk.directory}/credential.json\n`, 0o700);
  const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "./plugin.sh" };
  const kubeconfig = desk.kubeconfig({ server: "https://192.0.2.1" }, { exec });
  const calls: ExecCall[] = [];
  await desk.source({ kubeconfig, observeExec: (call) => calls.push(call) }).current(never);
  const [call] = calls;
  assert.equal(call?.status, "no_error");
  const { beginsAt, endsAt } = call.certificate ?? { beginsAt: 0, endsAt: 0 };
  assert.ok(Math.abs(beginsAt - Date.now()) < 600_000 && endsAt > Date.now());
});
