/**
 * A name and password before the host of a collector's URL. The specification leaves them to
 * exporters, and the SDK's would drop them: they are sent as HTTP has it (RFC 7617), as curl does.
 *
 * @module
 */
import type { ReadVariable } from "./variables.ts";

/** A part of a URL as it was meant; one that is no percent-encoding is meant as it stands. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/**
 * Finds out what the header Authorization is to say.
 *
 * @param read Reads a variable of the environment.
 * @param url The collector's.
 * @returns Its value; undefined when the URL has no name and password, or a variable with headers
 * says that one.
 */
export function readAuthorization(read: ReadVariable, url: string): string | undefined {
  const { username = "", password = "" } = URL.parse(url) ?? {};
  if (username === "" && password === "") return undefined;
  const headers = ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"]
    .flatMap((name) => read(name)?.split(",") ?? []);
  if (headers.some((header) => /^\s*authorization\s*=/i.test(header))) return undefined;
  const credentials = `${decoded(username)}:${decoded(password)}`;
  return `Basic ${new TextEncoder().encode(credentials).toBase64()}`;
}
