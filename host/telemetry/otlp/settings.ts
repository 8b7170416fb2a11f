/**
 * What the environment says about sending traces to a collector. Variables and defaults are those
 * of OpenTelemetry's specification; a value that cannot be used is told and the default holds, as
 * the specification asks: telemetry must not stop what it looks at.
 *
 * @module
 */
import { readAuthorization } from "./authorization.ts";
import { readLimits, type SpanLimits } from "./limits.ts";
import { checkHeaders, checkResource } from "./pairs.ts";
import type { Sampling } from "./sampling.ts";
import { type ReadVariable, Variables } from "./variables.ts";

/** A file of PEM. */
export interface TlsFile {
  readonly path: string;
  /** The variable that names it; undefined when it is where systems have it. */
  readonly variable: string | undefined;
}

/** Files of PEM. */
export interface TlsFiles {
  /** Of the authorities that the collector's certificate is believed by; the first that is there. */
  readonly authorities: readonly TlsFile[];
  /** weir's own certificate, if it has one. */
  readonly certificate: TlsFile | undefined;
  /** And its key. */
  readonly key: TlsFile | undefined;
}

/** How traces are sent. */
export interface ExportSettings {
  /** Where, whole: with the path of traces. */
  readonly url: string;
  /** What the header Authorization says by the URL's name and password; undefined without them. */
  readonly authorization: string | undefined;
  readonly protocol: "http/protobuf" | "http/json";
  /** Undefined for an endpoint without TLS. */
  readonly tls: TlsFiles | undefined;
  readonly sampling: Sampling;
  readonly limits: SpanLimits;
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
  /** Variables that are set and say nothing to weir, and why, for the log. */
  readonly notes: readonly string[];
}

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
const SYSTEM_AUTHORITIES: readonly TlsFile[] = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
].map((path) => ({ path, variable: undefined }));

/** Spans for which there is memory, however large a number is given: some 50 MB. */
const MOST_WAITING = 65_536;

const FOR_GRPC = "it is for grpc; the endpoint's http or https decides";

/** Variables of the specification that have no meaning here. */
const UNUSED: readonly (readonly [name: string, why: string])[] = [
  ["OTEL_EXPORTER_OTLP_INSECURE", FOR_GRPC],
  ["OTEL_EXPORTER_OTLP_TRACES_INSECURE", FOR_GRPC],
  ["OTEL_PROPAGATORS", "a sync begins its trace itself, and nothing of it leaves the node"],
  ["OTEL_LOG_LEVEL", "-v and --vmodule say how much is logged"],
  ["OTEL_CONFIG_FILE", "weir's own file is given by --config"],
  ["OTEL_EXPERIMENTAL_CONFIG_FILE", "weir's own file is given by --config"],
];

function readProtocol(variables: Variables): ExportSettings["protocol"] | undefined {
  const given = variables.choice(
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
  );
  if (given === undefined) return "http/protobuf";
  if (given.value === "http/protobuf" || given.value === "http/json") return given.value;
  variables.refuse(
    given,
    "weir speaks http/protobuf and http/json, which collectors take on port 4318; no traces are sent",
  );
  return undefined;
}

function readRatio(variables: Variables): Sampling {
  const given = variables.text("OTEL_TRACES_SAMPLER_ARG");
  if (given === undefined) return { type: "always" };
  const ratio = Number(given.value);
  if (ratio >= 0 && ratio <= 1) return { type: "ratio", ratio };
  variables.refuse(given, "it must be from 0 to 1; every trace is sent");
  return { type: "always" };
}

/** A sync has no parent, so `parentbased_` makes no difference. */
function readSampling(variables: Variables): Sampling {
  const given = variables.choice("OTEL_TRACES_SAMPLER");
  if (given === undefined) return { type: "always" };
  switch (given.value.replace(/^parentbased_/, "")) {
    case "always_on":
      return { type: "always" };
    case "always_off":
      return { type: "never" };
    case "traceidratio":
      return readRatio(variables);
    default: {
      const names = "always_on, always_off and traceidratio, each also with parentbased_ before it";
      variables.refuse(given, `there are ${names}; every trace is sent`);
      return { type: "always" };
    }
  }
}

function readTls(variables: Variables, url: string): TlsFiles | undefined {
  if (!/^https:/i.test(url)) return undefined;
  const file = (word: string): TlsFile | undefined => {
    const given = variables.text(`OTEL_EXPORTER_OTLP_TRACES_${word}`, `OTEL_EXPORTER_OTLP_${word}`);
    return given && { path: given.value, variable: given.name };
  };
  const authorities = file("CERTIFICATE");
  const certificate = file("CLIENT_CERTIFICATE");
  const key = file("CLIENT_KEY");
  for (const [one, other] of [[certificate, key], [key, certificate]]) {
    if (one?.variable === undefined || other !== undefined) continue;
    const missing = one === key
      ? "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"
      : "OTEL_EXPORTER_OTLP_CLIENT_KEY";
    const given = { name: one.variable, value: one.path };
    variables.refuse(given, `${missing} belongs to it and is not set; neither is used`);
  }
  const isWhole = certificate !== undefined && key !== undefined;
  return {
    authorities: authorities === undefined ? SYSTEM_AUTHORITIES : [authorities],
    certificate: isWhole ? certificate : undefined,
    key: isWhole ? key : undefined,
  };
}

/** What `OTEL_TRACES_EXPORTER`, which is a list, says of OTLP; undefined when it is not set. */
function readExporter(variables: Variables): "otlp" | "none" | undefined {
  const given = variables.choice("OTEL_TRACES_EXPORTER");
  if (given === undefined) return undefined;
  const names = given.value.split(",").map((name) => name.trim()).filter((name) => name !== "");
  const isOtlp = names.includes("otlp");
  if (names.some((name) => name !== "otlp" && name !== "none")) {
    const held = isOtlp ? "otlp holds" : "no traces are sent";
    variables.refuse(given, `there are otlp and none; ${held}`);
  }
  return isOtlp ? "otlp" : "none";
}

/** An endpoint for all signals is a base: the path of traces is put behind its own. */
function tracesUrl(base: string): string {
  const url = new URL(base);
  url.pathname = url.pathname.replace(/\/?$/, "/v1/traces");
  return url.href;
}

/** Whether anybody asks for traces: by an endpoint, or by naming the exporter. */
function readUrl(variables: Variables, configured: string): string | undefined {
  const exporter = readExporter(variables);
  if (exporter === "none") return undefined;
  const ofTraces = variables.text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  const given = ofTraces ?? variables.text("OTEL_EXPORTER_OTLP_ENDPOINT");
  if (given === undefined) {
    if (configured !== "") return tracesUrl(configured);
    return exporter === undefined ? undefined : tracesUrl(DEFAULT_ENDPOINT);
  }
  const url = URL.parse(given.value);
  if (url?.protocol === "http:" || url?.protocol === "https:") {
    return ofTraces === undefined ? tracesUrl(url.href) : url.href;
  }
  variables.refuse(given, "it must be a URL with http or https; no traces are sent");
  return undefined;
}

function readQueue(variables: Variables): ExportSettings["queue"] {
  const size = variables.whole(["OTEL_BSP_MAX_QUEUE_SIZE"], QUEUE.size, {
    least: 1,
    most: MOST_WAITING,
  });
  const name = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
  const batch = variables.whole([name], Math.min(QUEUE.batch, size), { least: 1, most: size });
  return {
    size,
    batch,
    delay: variables.whole(["OTEL_BSP_SCHEDULE_DELAY"], QUEUE.delay, { least: 0 }),
    timeout: variables.whole(["OTEL_BSP_EXPORT_TIMEOUT"], QUEUE.timeout, { least: 1 }),
  };
}

/**
 * Finds out whether and how traces are to be sent.
 *
 * @param read Reads a variable of the environment.
 * @param configured The endpoint of weir's configuration, or ""; a variable wins.
 * @returns How, if at all, and what is wrong with the variables.
 */
export function readExportSettings(read: ReadVariable, configured = ""): ExportChoice {
  const variables = new Variables(read);
  const { warnings } = variables;
  const none = { settings: undefined, warnings, notes: [] };
  const isDisabled = variables.flag("OTEL_SDK_DISABLED");
  const url = isDisabled ? undefined : readUrl(variables, configured);
  if (url === undefined) return none;
  const protocol = readProtocol(variables);
  if (protocol === undefined) return none;
  const sampling = readSampling(variables);
  if (sampling.type === "never") return none;
  const queue = readQueue(variables);
  const limits = readLimits(variables);
  const tls = readTls(variables, url);
  checkHeaders(variables);
  checkResource(variables);
  const notes = UNUSED.flatMap(([name, why]) =>
    variables.text(name) === undefined ? [] : [`${name} has no effect: ${why}`]
  );
  const authorization = readAuthorization(read, url);
  return {
    settings: { url, authorization, protocol, tls, sampling, limits, queue },
    warnings,
    notes,
  };
}
