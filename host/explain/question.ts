/**
 * What somebody wants explained, read strictly.
 *
 * @module
 */
import { WeirError } from "../../schemas/errors.ts";
import { formatIp, parseIp } from "../../schemas/ip.ts";
import type { Protocol } from "../../schemas/kube.ts";

/** An address, with a port or without. */
export interface Socket {
  /** Canonical text. */
  readonly ip: string;
  /** 1–65535. */
  readonly port: number | undefined;
}

/** What is asked for. */
export type Question =
  | {
    readonly type: "service";
    readonly namespace: string;
    readonly name: string;
    /** Name or number of one of its ports; undefined for all. */
    readonly port: string | undefined;
    readonly protocol: Protocol | undefined;
    readonly from: Socket | undefined;
  }
  | {
    readonly type: "address";
    readonly to: Socket;
    readonly protocol: Protocol | undefined;
    readonly from: Socket | undefined;
  };

/** The words of a question, as a URL or a command line has them. */
export interface QuestionWords {
  /** `namespace/name[:port]`, or `name[:port]` in the namespace default. */
  readonly service?: string | undefined;
  /** `IP:port`, `[IPv6]:port` or an address alone. */
  readonly to?: string | undefined;
  /** TCP, UDP or SCTP, in any case. */
  readonly protocol?: string | undefined;
  /** The client: as `to`. */
  readonly from?: string | undefined;
}

/** Longer texts are no name and no address. */
const LONGEST = 400;
/** RFC 1123 labels, and names as the API server takes them for Services. */
const SERVICE =
  /^(?:([a-z0-9](?:[-a-z0-9.]*[a-z0-9])?)\/)?([a-z0-9](?:[-a-z0-9.]*[a-z0-9])?)(?::([a-zA-Z0-9-]{1,63}))?$/;
const PORT = /^\d{1,5}$/;

function refused(what: string, text: string, state: string): WeirError {
  return new WeirError(
    "WEIR_QUESTION_INVALID",
    `Cannot explain ${what} "${text.slice(0, 100)}": ${state}`,
  );
}

/**
 * Reads an address with or without a port.
 *
 * @param text `10.0.0.1`, `10.0.0.1:80`, `fd00::1`, `[fd00::1]` or `[fd00::1]:80`.
 * @returns The address, or undefined when the text is none.
 */
export function readSocket(text: string): Socket | undefined {
  const bare = parseIp(text);
  if (bare !== undefined) return { ip: formatIp(bare), port: undefined };
  const [, six, four, portText] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(.*))?$/.exec(text) ?? [];
  const bytes = parseIp(six ?? four ?? "");
  if (bytes === undefined || (six !== undefined) !== (bytes.length === 16)) return undefined;
  if (portText === undefined) return { ip: formatIp(bytes), port: undefined };
  const port = Number(portText);
  if (!PORT.test(portText) || port < 1 || port > 65_535) return undefined;
  return { ip: formatIp(bytes), port };
}

/**
 * Writes an address as people do.
 *
 * @param ip Canonical text.
 * @param port 1–65535; undefined for the address alone.
 * @returns `10.0.0.1:80` or `[fd00::1]:80`.
 */
export function socketText(ip: string, port: number | undefined): string {
  if (port === undefined) return ip;
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}

function readProtocol(text: string | undefined): Protocol | undefined {
  if (text === undefined) return undefined;
  const upper = text.toUpperCase();
  if (upper === "TCP" || upper === "UDP" || upper === "SCTP") return upper;
  throw refused("protocol", text, "it is none of TCP, UDP and SCTP");
}

function readEnd(what: string, text: string): Socket {
  const socket = readSocket(text);
  if (socket !== undefined) return socket;
  throw refused(what, text, "it is no IP:port; an IPv6 address takes brackets before a port");
}

/**
 * Reads a question.
 *
 * @param words What was asked for; either `service` or `to`.
 * @returns The question.
 * @throws {WeirError} WEIR_QUESTION_INVALID with what is wrong, for the one who asks.
 */
export function readQuestion(words: QuestionWords): Question {
  for (const [name, text] of Object.entries(words)) {
    if (text !== undefined && text.length > LONGEST) throw refused(name, text, "it is too long");
  }
  const { service, to } = words;
  const protocol = readProtocol(words.protocol);
  const from = words.from === undefined ? undefined : readEnd("the source", words.from);
  if (service !== undefined && to !== undefined) {
    throw refused("both", `${service}" and "${to}`, "give a Service or an address");
  }
  if (service !== undefined) {
    const [, namespace = "default", name, port] = SERVICE.exec(service) ?? [];
    if (name !== undefined) return { type: "service", namespace, name, port, protocol, from };
    throw refused("Service", service, "it is no namespace/name, or namespace/name:port");
  }
  if (to === undefined) {
    throw refused("", "nothing", "give service=namespace/name[:port] or to=IP:port");
  }
  const destination = readEnd("the destination", to);
  if (from !== undefined && from.ip.includes(":") !== destination.ip.includes(":")) {
    throw refused("the source", from.ip, `it is of another family than ${destination.ip}`);
  }
  return { type: "address", to: destination, protocol, from };
}
