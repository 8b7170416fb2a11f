/**
 * Certificates for tests, made by openssl: an authority, a server's and a client's.
 *
 * @module
 */

/** A certificate and its key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** What {@linkcode makeCertificates} makes. */
export interface Certificates {
  /** The authority's certificate, PEM. */
  readonly ca: string;
  /** For 127.0.0.1 and `kubernetes.default.svc`. */
  readonly server: KeyPair;
  /** For the user `weir` of the group `system:nodes`. */
  readonly client: KeyPair;
}

async function openssl(directory: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", {
    args: [...args],
    cwd: directory,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`openssl ${args[0]} failed: ${new TextDecoder().decode(stderr)}`);
}

/**
 * Makes certificates that are good for a day. Needs the program openssl.
 *
 * @returns The certificates; nothing is left on the disk.
 */
export async function makeCertificates(): Promise<Certificates> {
  const directory = await Deno.makeTempDir();
  try {
    const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    await openssl(directory, [
      "req",
      "-x509",
      ...newKey,
      ...["-keyout", "ca.key", "-out", "ca.crt", "-days", "1", "-subj", "/CN=weir test authority"],
    ]);
    const pair = async (name: string, subject: string, extensions: string): Promise<KeyPair> => {
      await Deno.writeTextFile(`${directory}/${name}.ext`, extensions);
      await openssl(directory, [
        "req",
        ...newKey,
        ...["-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", subject],
      ]);
      await openssl(directory, [
        ...["x509", "-req", "-in", `${name}.csr`, "-CA", "ca.crt", "-CAkey", "ca.key"],
        ...["-CAcreateserial", "-days", "1", "-extfile", `${name}.ext`, "-out", `${name}.crt`],
      ]);
      return {
        certificate: await Deno.readTextFile(`${directory}/${name}.crt`),
        key: await Deno.readTextFile(`${directory}/${name}.key`),
      };
    };
    return {
      server: await pair(
        "server",
        "/CN=kube-apiserver",
        "subjectAltName=IP:127.0.0.1,DNS:kubernetes.default.svc",
      ),
      client: await pair("client", "/O=system:nodes/CN=weir", "extendedKeyUsage=clientAuth"),
      ca: await Deno.readTextFile(`${directory}/ca.crt`),
    };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
