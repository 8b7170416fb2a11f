/**
 * A program of its own: reads a kubeconfig, prints what it comes to as one JSON object, and ends.
 * The libraries for that take 80 MB, which the long-lived host must not carry.
 *
 * Arguments: the kubeconfig's path and, optionally, the API server's URL (`--master`).
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { dirname, isAbsolute, resolve } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import * as v from "valibot";
import { parse } from "yaml";
import type { ExecCall, KubeconfigAnswer, ResolvedCredentials } from "../../schemas/credentials.ts";
import { messageOf, WeirError } from "../../schemas/errors.ts";
import { execCredential, ExecSettingsSchema } from "./exec_credential.ts";

/** The part of a kubeconfig that client-node does not read: it looks for `token-file`. */
const TokenFilesSchema = v.object({
  users: v.nullish(v.array(v.object({
    name: v.string(),
    user: v.nullish(v.object({ tokenFile: v.nullish(v.string()) })),
  }))),
});

function fail(path: string, state: string): WeirError {
  return new WeirError("WEIR_CREDENTIALS", `Cannot use kubeconfig "${path}": ${state}`);
}

/** Data in the kubeconfig stands before a file that it names. */
async function pem(data: string | undefined, file: string | undefined): Promise<string> {
  if (data) return atob(data);
  return file ? await Deno.readTextFile(file) : "";
}

async function answer(
  path: string,
  master: string,
  observe: (call: ExecCall) => void,
): Promise<KubeconfigAnswer> {
  const text = await Deno.readTextFile(path);
  const directory = dirname(resolve(path));
  const absolute = (file: string) => isAbsolute(file) ? file : resolve(directory, file);
  const config = new KubeConfig();
  config.loadFromString(text);
  config.makePathsAbsolute(directory);
  const context = config.currentContext;
  if (!context) throw fail(path, "it has no current-context");
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw fail(path, `its context "${context}" names no cluster that it has`);
  const user = config.getCurrentUser();
  const server = master || cluster.server;
  if (cluster.proxyUrl) throw fail(path, "proxy-url is not supported");
  if (user?.impersonateUser) throw fail(path, "impersonation (as) is not supported");
  if (user?.authProvider) throw fail(path, "auth-provider is not supported; use exec");

  const ca = await pem(cluster.caData, cluster.caFile);
  let certificate = await pem(user?.certData, user?.certFile);
  let key = await pem(user?.keyData, user?.keyFile);
  let token = user?.token ?? "";
  const ends: number[] = [];

  if (user?.exec) {
    const exec = v.safeParse(ExecSettingsSchema, user.exec);
    if (!exec.success) {
      const issue = exec.issues[0];
      throw fail(path, `exec of its user is wrong: ${v.getDotPath(issue) ?? ""} ${issue.message}`);
    }
    // A command with a slash is relative to the kubeconfig, any other is looked up in PATH.
    const command = exec.output.command.includes("/")
      ? absolute(exec.output.command)
      : exec.output.command;
    if ((await Deno.permissions.query({ name: "run", command })).state !== "granted") {
      return { type: "exec", command };
    }
    const credential = await execCredential({ ...exec.output, command }, {
      server,
      ...(cluster.tlsServerName ? { "tls-server-name": cluster.tlsServerName } : {}),
      ...(cluster.skipTLSVerify ? { "insecure-skip-tls-verify": true } : {}),
      ...(ca === "" ? {} : { "certificate-authority-data": btoa(ca) }),
    }, observe);
    token = credential.token;
    if (credential.certificate !== "") ({ certificate, key } = credential);
    if (credential.expiresAt !== undefined) ends.push(credential.expiresAt);
  }
  if (certificate !== "") ends.push(new X509Certificate(certificate).validToDate.getTime());
  const tokenFile = v.parse(TokenFilesSchema, parse(text)).users
    ?.find(({ name }) => name === user?.name)?.user?.tokenFile;
  const authorization = token !== ""
    ? `Bearer ${token}`
    : user?.username
    ? `Basic ${btoa(`${user.username}:${user.password ?? ""}`)}`
    : "";
  const credentials: ResolvedCredentials = {
    server,
    tls: {
      insecure: cluster.skipTLSVerify,
      ...(ca === "" ? {} : { ca }),
      ...(certificate === "" ? {} : { certificate }),
      ...(key === "" ? {} : { key }),
      ...(cluster.tlsServerName ? { serverName: cluster.tlsServerName } : {}),
    },
    ...(authorization === "" ? {} : { authorization }),
    ...(tokenFile ? { tokenFile: absolute(tokenFile) } : {}),
    ...(ends.length === 0 ? {} : { expiresAt: Math.min(...ends) }),
  };
  return { type: "resolved", credentials };
}

if (import.meta.main) {
  const [path = "", master = ""] = Deno.args;
  // The last that is said of it counts.
  let exec: ExecCall | undefined;
  const said = await answer(path, master, (call) => exec = call)
    .catch((error): KubeconfigAnswer => ({
      type: "failed",
      message: error instanceof WeirError ? error.message : fail(path, messageOf(error)).message,
    }));
  console.log(JSON.stringify({ ...said, exec }));
}
