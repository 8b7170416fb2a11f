/**
 * The credentials for the API server, kept fresh: of the pod's service account, which needs only
 * files, or of a kubeconfig, which a short-lived child reads.
 *
 * @module
 */
import type { Log } from "../../schemas/capability.ts";
import type {
  Credentials,
  CredentialSource,
  ExecCall,
  ResolvedCredentials,
} from "../../schemas/credentials.ts";
import { messageOf, WeirError } from "../../schemas/errors.ts";
import { resolveKubeconfig } from "./kubeconfig.ts";

/** What a pod finds of the API server. Source: client-go `rest.InClusterConfig`. */
export interface ServiceAccount {
  /** The environment's KUBERNETES_SERVICE_HOST, "" when it is not set. */
  readonly host: string;
  /** The environment's KUBERNETES_SERVICE_PORT, "" when it is not set. */
  readonly port: string;
  /** The directory with the files `token` and `ca.crt`. */
  readonly directory: string;
}

/** Where the kubelet mounts a pod's service account. */
export const SERVICE_ACCOUNT_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Settings of {@linkcode credentialSource}. */
export interface CredentialOptions {
  /** As `--kubeconfig`: a path, or "" for the service account. */
  readonly kubeconfig: string;
  /** As `--master`: the API server's URL, which stands before the kubeconfig's; or "". */
  readonly master: string;
  readonly serviceAccount: ServiceAccount;
  /** The Deno that runs the child, for example `Deno.execPath()`. */
  readonly deno: string;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** The child's module, if not the one beside this file: a bundle names its own. */
  readonly child?: URL;
  /** Told how a kubeconfig's exec plugin ended. */
  readonly observeExec?: (call: ExecCall) => void;
}

/** Where credentials come from, for example a kubeconfig. */
type Origin = (signal: AbortSignal) => Promise<ResolvedCredentials>;

/** A token's file is read again after this many milliseconds. Source: client-go `tokenSource`. */
const TOKEN_AGE = 60_000;
/** Credentials are renewed this many milliseconds before they end. */
const MARGIN = 60_000;
/** The origin is asked at most once in this many milliseconds, unless it has never answered. */
const ORIGIN_PAUSE = 10_000;

/**
 * Finds the credentials as kube-proxy does: from the kubeconfig if there is one; without it from
 * `--master` alone, anonymously; without either from the service account.
 *
 * @param options Flags, the service account and the effects.
 * @returns The source; it reads when it is first asked.
 */
export function credentialSource(options: CredentialOptions): CredentialSource {
  return new KeptCredentials(originOf(options), options.log, options.now);
}

function originOf(options: CredentialOptions): Origin {
  const { kubeconfig, master, serviceAccount } = options;
  if (kubeconfig !== "") {
    const { child, deno, observeExec } = options;
    const settings = {
      path: kubeconfig,
      master,
      deno,
      ...(child === undefined ? {} : { child }),
      ...(observeExec === undefined ? {} : { observeExec }),
    };
    return (signal) => resolveKubeconfig(settings, signal);
  }
  if (master !== "") return async () => ({ server: master, tls: { insecure: false } });
  return () => fromServiceAccount(serviceAccount);
}

async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new WeirError("WEIR_CREDENTIALS", `Cannot read "${path}": ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function fromServiceAccount(account: ServiceAccount): Promise<ResolvedCredentials> {
  const { directory, host, port } = account;
  if (host === "" || port === "") {
    throw new WeirError(
      "WEIR_CREDENTIALS",
      'Cannot find the API server "in-cluster": KUBERNETES_SERVICE_HOST and ' +
        "KUBERNETES_SERVICE_PORT are not set; outside a pod give --kubeconfig",
    );
  }
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    tls: { ca: await readText(`${directory}/ca.crt`), insecure: false },
    tokenFile: `${directory}/token`,
  };
}

/** Guards what was resolved last, and lets one caller at a time ask the origin. */
class KeptCredentials implements CredentialSource {
  readonly #origin: Origin;
  readonly #log: Log;
  readonly #now: () => number;
  #resolved: ResolvedCredentials | undefined;
  #askedAt = -Infinity;
  #tokenReadAt = -Infinity;
  #token = "";
  #credentials: Credentials | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(origin: Origin, log: Log, now: () => number) {
    this.#origin = origin;
    this.#log = log;
    this.#now = now;
  }

  current(signal: AbortSignal): Promise<Credentials> {
    return this.#inTurn(async () => {
      let resolved = this.#resolved;
      if (resolved === undefined || this.#now() >= (resolved.expiresAt ?? Infinity) - MARGIN) {
        resolved = await this.#askOrigin(signal);
      }
      if (this.#now() - this.#tokenReadAt >= TOKEN_AGE) await this.#readToken(resolved);
      return this.#publish(resolved);
    });
  }

  renew(refused: Credentials, signal: AbortSignal): Promise<Credentials> {
    return this.#inTurn(async () => {
      // Three watches are refused at the same time; the first has renewed for all.
      if (this.#credentials !== undefined && this.#credentials !== refused) {
        return this.#credentials;
      }
      const resolved = await this.#askOrigin(signal);
      await this.#readToken(resolved);
      return this.#publish(resolved);
    });
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(step);
    this.#turn = result.catch(() => {});
    return result;
  }

  async #askOrigin(signal: AbortSignal): Promise<ResolvedCredentials> {
    const last = this.#resolved;
    if (last !== undefined && this.#now() - this.#askedAt < ORIGIN_PAUSE) return last;
    this.#askedAt = this.#now();
    try {
      return this.#resolved = await this.#origin(signal);
    } catch (error) {
      // Better to be refused with what is here than to have nothing to try.
      if (last === undefined) throw error;
      this.#log.warn(messageOf(error), { effect: "the last credentials stay in use" });
      return last;
    }
  }

  async #readToken({ tokenFile: file }: ResolvedCredentials): Promise<void> {
    if (file === undefined) return;
    this.#tokenReadAt = this.#now();
    try {
      const token = (await readText(file)).trim();
      if (token === "") {
        throw new WeirError("WEIR_CREDENTIALS", `Cannot read token "${file}": the file is empty`);
      }
      this.#token = token;
    } catch (error) {
      if (this.#token === "") throw error;
      this.#log.warn(messageOf(error), { effect: "the last token stays in use" });
    }
  }

  /** Gives the same object as long as nothing changed. */
  #publish({ authorization, server, tls }: ResolvedCredentials): Credentials {
    const header = this.#token === "" ? authorization : `Bearer ${this.#token}`;
    const credentials: Credentials = {
      server,
      tls,
      ...(header === undefined ? {} : { authorization: header }),
    };
    if (JSON.stringify(credentials) === JSON.stringify(this.#credentials)) {
      return this.#credentials ?? credentials;
    }
    return this.#credentials = credentials;
  }
}
