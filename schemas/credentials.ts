/**
 * How to reach the API server and who to be there: what a kubeconfig or a pod's service account
 * comes to.
 *
 * @module
 */
import * as v from "valibot";

/** A PEM text: one or several certificates, or a key. */
const Pem = v.pipe(v.string(), v.includes("-----BEGIN ", "must be PEM"));

/** What secures the connection. */
export const TlsSettingsSchema = v.strictObject({
  /** The authorities that are trusted; without it those of the system. */
  ca: v.optional(Pem),
  /** The client's certificate, with its key. */
  certificate: v.optional(Pem),
  key: v.optional(Pem),
  /** The name the server's certificate must have, if not the URL's. */
  serverName: v.optional(v.string()),
  /** Accept any certificate. */
  insecure: v.boolean(),
});

/** See {@linkcode TlsSettingsSchema}. */
export type TlsSettings = v.InferOutput<typeof TlsSettingsSchema>;

/**
 * What the short-lived program that reads a kubeconfig prints. `expiresAt` is when the token or the
 * client's certificate ends, in milliseconds since the epoch. `tokenFile` is to be read again now
 * and then: the kubelet rotates it.
 */
export const ResolvedCredentialsSchema = v.strictObject({
  server: v.pipe(v.string(), v.url("must be a URL")),
  tls: TlsSettingsSchema,
  /** A whole Authorization header, for example `Bearer eyJh…`. */
  authorization: v.optional(v.string()),
  tokenFile: v.optional(v.string()),
  expiresAt: v.optional(v.number()),
});

/** How a kubeconfig's exec plugin ended, in the words of client-go's metric. */
export const ExecCallSchema = v.strictObject({
  /** The exit code; 0 if and only if all went well. */
  code: v.pipe(v.number(), v.safeInteger()),
  status: v.picklist([
    "no_error",
    "plugin_execution_error",
    "plugin_not_found_error",
    "client_internal_error",
  ]),
  /** When the client certificate that it gave begins and ends, in milliseconds since the epoch. */
  certificate: v.optional(v.strictObject({ beginsAt: v.number(), endsAt: v.number() })),
});

/** See {@linkcode ExecCallSchema}. */
export type ExecCall = v.InferOutput<typeof ExecCallSchema>;

/**
 * What that program prints: the credentials, the exec plugin that it would need a permission to
 * run, or why neither can be had.
 */
export const KubeconfigAnswerSchema = v.variant("type", [
  v.strictObject({
    type: v.literal("resolved"),
    credentials: ResolvedCredentialsSchema,
    exec: v.optional(ExecCallSchema),
  }),
  v.strictObject({ type: v.literal("exec"), command: v.pipe(v.string(), v.minLength(1)) }),
  v.strictObject({
    type: v.literal("failed"),
    message: v.string(),
    exec: v.optional(ExecCallSchema),
  }),
]);

/** See {@linkcode KubeconfigAnswerSchema}. */
export type KubeconfigAnswer = v.InferOutput<typeof KubeconfigAnswerSchema>;

/** See {@linkcode ResolvedCredentialsSchema}. */
export type ResolvedCredentials = v.InferOutput<typeof ResolvedCredentialsSchema>;

/** What one request needs. Equal objects while nothing changed are the same object. */
export interface Credentials {
  /** The API server's URL, for example `https://10.96.0.1:443`. */
  readonly server: string;
  readonly tls: TlsSettings;
  /** A whole Authorization header; absent for anonymous requests and client certificates. */
  readonly authorization?: string;
}

/** Whoever knows the credentials and keeps them fresh. */
export interface CredentialSource {
  /**
   * The credentials for a request that is made now.
   *
   * @param signal Ends the attempt.
   * @returns Credentials that have not ended, as far as is known.
   * @throws {WeirError} WEIR_CREDENTIALS when there are none.
   */
  current(signal: AbortSignal): Promise<Credentials>;
  /**
   * Tells that the server refused these credentials.
   *
   * @param refused What was used.
   * @param signal Ends the attempt.
   * @returns Other credentials, or the same if there are no others.
   * @throws {WeirError} WEIR_CREDENTIALS when there are none.
   */
  renew(refused: Credentials, signal: AbortSignal): Promise<Credentials>;
}
