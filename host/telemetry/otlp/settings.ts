/**
 * What the environment says about sending traces to a collector. Variables and defaults are those
 * of OpenTelemetry's specification; a value that cannot be used is told and the default holds, as
 * the specification asks: telemetry must not stop what it looks at.
 *
 * @module
 */

import type { Sampling } from "./sampling.ts";

/** Files of PEM. */
export interface TlsFiles {
  /** Of the authorities that the collector's certificate is believed by; the first that is there. */
  readonly authorities: readonly string[];
  /** weir's own certificate, or "". */
  readonly certificate: string;
  /** And its key, or "". */
  readonly key: string;
}

/** How traces are sent. */
export interface ExportSettings {
  /** For the log; the exporter reads it itself unless `configured`. */
  readonly endpoint: string;
  /** The endpoint comes from the configuration and not from the environment. */
  readonly configured: boolean;
  readonly protocol: "http/protobuf" | "http/json";
  /** Undefined for an endpoint without TLS. */
  readonly tls: TlsFiles | undefined;
  readonly sampling: Sampling;
  readonly queue: {
    /** Spans that wait; further ones are dropped. */
    readonly size: number;
    /** Spans of one request. */
    readonly batch: number;
    /** Milliseconds between two requests. */
    readonly delay: number;
    /** Milliseconds that one may take, repetitions included. */
    readonly timeout: number;
  };
}

/** What was found. */
export interface ExportChoice {
  /** Undefined when no traces are to be sent. */
  readonly settings: ExportSettings | undefined;
  /** What is wrong with the variables and what holds instead, for the log. */
  readonly warnings: readonly string[];
}

/** Reads a variable. */
export type ReadVariable = (name: string) => string | undefined;

const DEFAULT_ENDPOINT = "http://localhost:4318";

/**
 * Of the specification's batch span processor, but for the batch, which is 512 there: it is written
 * in one go, and 128 spans take half a millisecond.
 */
const QUEUE = { size: 2048, batch: 128, delay: 5_000, timeout: 30_000 };

/**
 * Where systems keep the authorities that they believe, as Go looks for them: Deno gives its own
 * list to node's https only with all of --allow-sys.
 */
const SYSTEM_AUTHORITIES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** Spans for which there is memory, however large a number is given: some 50 MB. */
const MOST_WAITING = 65_536;

class Reader {
  readonly warnings: string[] = [];
  readonly #read: ReadVariable;

  constructor(read: ReadVariable) {
    this.#read = read;
  }

  /** An empty variable is as one that is not set, says the specification. */
  text(...names: readonly string[]): { readonly name: string; readonly value: string } | undefined {
    for (const name of names) {
      const value = this.#read(name)?.trim() ?? "";
      if (value !== "") return { name, value };
    }
    return undefined;
  }

  warn(name: string, value: string, state: string): void {
    this.warnings.push(`Cannot use ${name} "${value}": ${state}`);
  }

  whole(name: string, otherwise: number, most = Number.MAX_SAFE_INTEGER): number {
    const given = this.text(name);
    if (given === undefined) return otherwise;
    const number = Number(given.value);
    if (Number.isInteger(number) && number >= 1 && number <= most) return number;
    const range = most === Number.MAX_SAFE_INTEGER ? "from 1 on" : `from 1 to ${most}`;
    this.warn(name, given.value, `it must be a whole number ${range}; ${otherwise} holds`);
    return otherwise;
  }
}

function readProtocol(reader: Reader): ExportSettings["protocol"] | undefined {
  const given = reader.text("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL");
  if (given === undefined) return "http/protobuf";
  if (given.value === "http/protobuf" || given.value === "http/json") return given.value;
  const remedy = "weir speaks http/protobuf and http/json, which collectors take on port 4318; " +
    "no traces are sent";
  reader.warn(given.name, given.value, remedy);
  return undefined;
}

function readRatio(reader: Reader): Sampling {
  const given = reader.text("OTEL_TRACES_SAMPLER_ARG");
  if (given === undefined) return { type: "always" };
  const ratio = Number(given.value);
  if (ratio >= 0 && ratio <= 1) return { type: "ratio", ratio };
  reader.warn(
    "OTEL_TRACES_SAMPLER_ARG",
    given.value,
    "it must be from 0 to 1; every trace is sent",
  );
  return { type: "always" };
}

/** A sync has no parent, so `parentbased_` makes no difference. */
function readSampling(reader: Reader): Sampling {
  const given = reader.text("OTEL_TRACES_SAMPLER");
  if (given === undefined) return { type: "always" };
  switch (given.value.replace(/^parentbased_/, "")) {
    case "always_on":
      return { type: "always" };
    case "always_off":
      return { type: "never" };
    case "traceidratio":
      return readRatio(reader);
    default: {
      const names = "always_on, always_off and traceidratio, each also with parentbased_ before it";
      reader.warn("OTEL_TRACES_SAMPLER", given.value, `there are ${names}; every trace is sent`);
      return { type: "always" };
    }
  }
}

function readTls(reader: Reader, endpoint: string): TlsFiles | undefined {
  if (!/^https:/i.test(endpoint)) return undefined;
  const file = (word: string) =>
    reader.text(`OTEL_EXPORTER_OTLP_TRACES_${word}`, `OTEL_EXPORTER_OTLP_${word}`)?.value;
  const authorities = file("CERTIFICATE");
  return {
    authorities: authorities === undefined ? SYSTEM_AUTHORITIES : [authorities],
    certificate: file("CLIENT_CERTIFICATE") ?? "",
    key: file("CLIENT_KEY") ?? "",
  };
}

/** Whether anybody asks for traces: by an endpoint, or by naming the exporter. */
function readEndpoint(
  reader: Reader,
  configured: string,
): Pick<ExportSettings, "endpoint" | "configured"> | undefined {
  const exporter = reader.text("OTEL_TRACES_EXPORTER");
  if (exporter !== undefined && exporter.value !== "otlp") {
    if (exporter.value !== "none") {
      reader.warn(exporter.name, exporter.value, "there are otlp and none; no traces are sent");
    }
    return undefined;
  }
  const given = reader.text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT");
  if (given === undefined) {
    if (configured !== "") return { endpoint: configured, configured: true };
    return exporter === undefined ? undefined : { endpoint: DEFAULT_ENDPOINT, configured: false };
  }
  const protocol = URL.parse(given.value)?.protocol;
  if (protocol === "http:" || protocol === "https:") {
    return { endpoint: given.value, configured: false };
  }
  reader.warn(given.name, given.value, "it must be a URL with http or https; no traces are sent");
  return undefined;
}

/**
 * Finds out whether and how traces are to be sent.
 *
 * @param read Reads a variable of the environment.
 * @param configured The endpoint of weir's configuration, or ""; a variable wins.
 * @returns How, if at all, and what is wrong with the variables.
 */
export function readExportSettings(read: ReadVariable, configured = ""): ExportChoice {
  const reader = new Reader(read);
  const { warnings } = reader;
  const none = { settings: undefined, warnings };
  if (reader.text("OTEL_SDK_DISABLED")?.value.toLowerCase() === "true") return none;
  const endpoint = readEndpoint(reader, configured);
  if (endpoint === undefined) return none;
  const protocol = readProtocol(reader);
  if (protocol === undefined) return none;
  const sampling = readSampling(reader);
  if (sampling.type === "never") return none;
  const size = reader.whole("OTEL_BSP_MAX_QUEUE_SIZE", QUEUE.size, MOST_WAITING);
  const batch = reader.whole("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", QUEUE.batch);
  const queue = {
    size,
    batch: Math.min(batch, size),
    delay: reader.whole("OTEL_BSP_SCHEDULE_DELAY", QUEUE.delay),
    timeout: reader.whole("OTEL_BSP_EXPORT_TIMEOUT", QUEUE.timeout),
  };
  const tls = readTls(reader, endpoint.endpoint);
  return { settings: { ...endpoint, protocol, tls, sampling, queue }, warnings };
}
