/**
 * Runs a kubeconfig's exec plugin: a program that prints a token or a client certificate.
 * Source: client-go `exec` and client.authentication.k8s.io/v1.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import * as v from "valibot";
import type { ExecCall } from "../../schemas/credentials.ts";
import { messageOf, WeirError } from "../../schemas/errors.ts";

/** The `exec` section of a kubeconfig's user. Fields that only people at a terminal need are left. */
export const ExecSettingsSchema = v.object({
  apiVersion: v.picklist([
    "client.authentication.k8s.io/v1",
    "client.authentication.k8s.io/v1beta1",
  ]),
  command: v.pipe(v.string(), v.minLength(1)),
  args: v.nullish(v.array(v.string()), []),
  env: v.nullish(v.array(v.object({ name: v.string(), value: v.string() })), []),
  provideClusterInfo: v.nullish(v.boolean(), false),
  installHint: v.nullish(v.string(), ""),
});

/** See {@linkcode ExecSettingsSchema}. */
export type ExecSettings = v.InferOutput<typeof ExecSettingsSchema>;

/** What a plugin may be told of the cluster, when it asks for it. */
export interface ExecCluster {
  readonly server: string;
  readonly "tls-server-name"?: string;
  readonly "insecure-skip-tls-verify"?: boolean;
  /** Base64 of PEM. */
  readonly "certificate-authority-data"?: string;
}

const ExecCredentialSchema = v.object({
  kind: v.literal("ExecCredential"),
  status: v.object({
    token: v.nullish(v.string(), ""),
    clientCertificateData: v.nullish(v.string(), ""),
    clientKeyData: v.nullish(v.string(), ""),
    expirationTimestamp: v.nullish(v.pipe(v.string(), v.isoTimestamp())),
  }),
});

/** What a plugin gave. Absent strings are "". */
export interface ExecCredential {
  readonly token: string;
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  /** When it ends, in milliseconds since the epoch; absent when it does not say. */
  readonly expiresAt?: number;
}

/** How much of what a failed plugin wrote is repeated, in characters. */
const LONGEST_COMPLAINT = 500;

/**
 * Runs a plugin.
 *
 * @param settings What to run.
 * @param cluster What the plugin is told if it asks for it.
 * @param observe Told how it ended, also when this fails.
 * @returns The credential.
 * @throws {WeirError} WEIR_CREDENTIALS when the plugin cannot be run, fails, or prints no credential.
 */
export async function execCredential(
  settings: ExecSettings,
  cluster: ExecCluster,
  observe: (call: ExecCall) => void,
): Promise<ExecCredential> {
  const { apiVersion, command } = settings;
  const fail = (state: string, cause?: unknown) =>
    new WeirError("WEIR_CREDENTIALS", `Cannot run exec plugin "${command}": ${state}`, { cause });
  const info = {
    apiVersion,
    kind: "ExecCredential",
    spec: { interactive: false, ...(settings.provideClusterInfo ? { cluster } : {}) },
  };
  const plugin = new Deno.Command(command, {
    args: settings.args ?? [],
    env: {
      ...Object.fromEntries((settings.env ?? []).map(({ name, value }) => [name, value])),
      KUBERNETES_EXEC_INFO: JSON.stringify(info),
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  let output: Deno.CommandOutput;
  try {
    output = await plugin.output();
  } catch (error) {
    const status = error instanceof Deno.errors.NotFound
      ? "plugin_not_found_error"
      : "client_internal_error";
    observe({ code: 1, status });
    const hint = settings.installHint ? `; ${settings.installHint}` : "";
    throw fail(`${messageOf(error)}${hint}`, error);
  }
  if (!output.success) {
    observe({ code: output.code, status: "plugin_execution_error" });
    const complaint = new TextDecoder().decode(output.stderr).trim().slice(0, LONGEST_COMPLAINT);
    throw fail(`it ended with status ${output.code}${complaint === "" ? "" : `: ${complaint}`}`);
  }
  // Whatever is wrong from here on, the plugin has done its work.
  observe({ code: 1, status: "client_internal_error" });
  let printed: unknown;
  try {
    printed = JSON.parse(new TextDecoder().decode(output.stdout));
  } catch (error) {
    throw fail("it printed no JSON", error);
  }
  const parsed = v.safeParse(ExecCredentialSchema, printed);
  if (!parsed.success) {
    const issue = parsed.issues[0];
    throw fail(`it printed no ExecCredential: ${v.getDotPath(issue) ?? ""} ${issue.message}`);
  }
  const { status } = parsed.output;
  const certificate = status.clientCertificateData ?? "";
  const key = status.clientKeyData ?? "";
  if (!status.token && (certificate === "" || key === "")) {
    throw fail("it printed neither a token nor a certificate with its key");
  }
  observe({
    code: 0,
    status: "no_error",
    ...(certificate === "" ? {} : { certificate: lifeOf(certificate) }),
  });
  return {
    token: status.token ?? "",
    certificate,
    key,
    ...(status.expirationTimestamp ? { expiresAt: Date.parse(status.expirationTimestamp) } : {}),
  };
}

function lifeOf(certificate: string): NonNullable<ExecCall["certificate"]> {
  const { validFromDate, validToDate } = new X509Certificate(certificate);
  return { beginsAt: validFromDate.getTime(), endsAt: validToDate.getTime() };
}
