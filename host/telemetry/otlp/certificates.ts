/**
 * The certificates with which a collector is asked over TLS.
 *
 * @module
 */
import { messageOf } from "../../../schemas/errors.ts";
import type { TlsFile, TlsFiles } from "./settings.ts";

type ReadFile = (path: string) => Promise<string>;

/** Reads the first file that is there. */
async function readAuthorities(files: readonly TlsFile[], readFile: ReadFile): Promise<string> {
  let reason = "";
  for (const { path } of files) {
    try {
      return await readFile(path);
    } catch (fault) {
      reason = messageOf(fault);
    }
  }
  const paths = files.map(({ path }) => path).join(", ");
  throw new Error(
    `no certificate of an authority can be read from ${paths} (${reason}): name one in ` +
      "OTEL_EXPORTER_OTLP_CERTIFICATE and let weir read it (--allow-read)",
  );
}

async function readNamed(file: TlsFile | undefined, readFile: ReadFile) {
  if (file === undefined) return undefined;
  try {
    return await readFile(file.path);
  } catch (fault) {
    throw new Error(
      `${file.variable} names "${file.path}", which cannot be read (${messageOf(fault)}): name ` +
        "one that is there and let weir read it (--allow-read)",
    );
  }
}

/** What an agent of HTTPS is made with. */
export interface AgentOptions {
  readonly keepAlive: true;
  /** Certificates of authorities, as PEM. */
  readonly ca: string;
  /** The client's own certificate, as PEM. */
  readonly cert?: string;
  /** The key of that, as PEM. */
  readonly key?: string;
}

/**
 * Reads them.
 *
 * @param tls Where they are.
 * @param readFile Reads a file as text.
 * @returns For Node's https.Agent.
 * @throws {Error} When one cannot be read, with what helps.
 */
export async function agentOptions(
  tls: TlsFiles,
  readFile: ReadFile,
): Promise<AgentOptions> {
  const ca = await readAuthorities(tls.authorities, readFile);
  const cert = await readNamed(tls.certificate, readFile);
  const key = await readNamed(tls.key, readFile);
  return {
    keepAlive: true,
    ca,
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}
