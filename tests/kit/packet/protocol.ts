/**
 * What a test and the agents' program say to each other: JSON, one object a line.
 *
 * @module
 */

/** A transport that agents speak. */
export type Transport = "tcp" | "udp" | "sctp";

/** Answer whoever connects with the server's name and the address the connection came from. */
export interface Listen {
  /** Tells requests apart. */
  readonly do: "listen";
  /** By which protocol. */
  readonly transport: Transport;
  /** One of the namespace's own. */
  readonly address: string;
  /** 1–65535. */
  readonly port: number;
  /** What the server answers with. */
  readonly name: string;
}

/** Connect and read the answer. */
export interface Connect {
  /** Tells requests apart. */
  readonly do: "connect";
  /** By which protocol. */
  readonly transport: Transport;
  /** Text of an IPv4 or IPv6 address. */
  readonly address: string;
  /** 1–65535. */
  readonly port: number;
  /** How many connections. */
  readonly count: number;
  /** How many of them at a time. */
  readonly concurrency: number;
  /** Milliseconds until an unanswered one counts as ETIMEDOUT. */
  readonly timeout: number;
  /** 1–65535, UDP only: send from this port, so that several are one flow; absent for any. */
  readonly sourcePort?: number;
}

/** Close the namespace's listeners and let go of it. */
export interface Leave {
  /** Tells requests apart. */
  readonly do: "leave";
}

/** A request to an agent. */
export type AgentRequest = Listen | Connect | Leave;

/** How one connection went; `milliseconds` from its beginning. */
export type Exchange =
  | {
    readonly outcome: "answered";
    /** The name of the server that answered. */
    readonly by: string;
    /** The address from which the server saw the connection come. */
    readonly from: string;
    readonly milliseconds: number;
  }
  | {
    readonly outcome: "failed";
    /** An errno's name, for example ECONNREFUSED; ETIMEDOUT when nothing came back. */
    readonly error: string;
    readonly milliseconds: number;
  };

/** An agent's answer to the request with the same number. */
export type AgentReply =
  | { readonly id: number; readonly exchanges: readonly Exchange[] }
  | { readonly id: number; readonly error: string };

/** A request as it goes over the line. */
export interface Numbered {
  /** Counts requests from 1. */
  readonly id: number;
  /** Whose namespace, by the path of its descriptor in the asking process. */
  readonly namespace: string;
  /** What is asked. */
  readonly request: AgentRequest;
}
