/**
 * What a case is: objects, step by step, and what becomes of connections meanwhile. Cases are data;
 * the runners decide what sends the packets.
 *
 * @module
 */
import type { EndpointSlice, Node, Protocol, Service } from "../../schemas/kube.ts";
import type { ProxierSettings } from "../../schemas/view.ts";
import type { Client } from "./world.ts";

/** Where a connection goes. */
export interface Destination {
  /** Canonical text. */
  readonly address: string;
  /** 1–65535. */
  readonly port: number;
  /** By which protocol. */
  readonly protocol: Protocol;
}

/** What becomes of a connection. */
export type Expectation =
  | {
    /** It reaches one of these endpoints, and over many connections each of them. */
    readonly kind: "reaches";
    /** Names of servers, `:port` behind them when it is the other port. */
    readonly endpoints: readonly string[];
    /** Whom the endpoint sees: the client itself or the node; absent when that is free. */
    readonly seen: "client" | "node" | undefined;
  }
  | {
    /** All connections of one label reach one and the same of these endpoints, in all steps. */
    readonly kind: "sticks";
    readonly endpoints: readonly string[];
    readonly label: string;
  }
  | {
    /** It is refused at once. */
    readonly kind: "rejected";
  }
  | {
    /** It gets no answer. */
    readonly kind: "dropped";
  }
  | {
    /** No Service takes it: it goes on to where it was sent. */
    readonly kind: "untouched";
  };

/** One connection, or many alike. */
export interface Flow {
  /** Who connects. */
  readonly from: Client;
  /** Another source address than the client's own, which only the traced runner can send. */
  readonly source?: string;
  /** Where to. */
  readonly to: Destination;
  /** What becomes of it. */
  readonly expect: Expectation;
  /** The rule of Kubernetes that it checks, and where that is written. */
  readonly rule: string;
}

/** The cluster from one moment on. */
export interface Step {
  /** What has happened; "" for the first step. */
  readonly when: string;
  /** Seconds that pass before the connections; only the traced runner waits. */
  readonly wait: number;
  /** All Services and slices of the case from now on. */
  readonly objects: readonly (Service | EndpointSlice)[];
  /** Connections then, in this order where they stick. */
  readonly flows: readonly Flow[];
}

/** A case. No two cases share an address or a NodePort, so many may be in one cluster. */
export interface ConformanceCase {
  /** A sentence of what a user would see, and the family. */
  readonly name: string;
  /** What it is about, as the file of cases is called. */
  readonly topic: string;
  /** What the proxier is told besides. */
  readonly settings: ProxierSettings;
  /** This node. */
  readonly node: Node;
  /** First to last. */
  readonly steps: readonly Step[];
}

/** A step as it is written: the first may leave out what has happened. */
export interface StepTemplate {
  readonly when?: string;
  readonly wait?: number;
  readonly objects: readonly (Service | EndpointSlice)[];
  readonly flows: readonly Flow[];
}

/** A case as it is written, for one family. */
export interface CaseBody {
  readonly settings?: Partial<ProxierSettings>;
  readonly node?: Partial<Node>;
  readonly steps: readonly StepTemplate[];
}

/**
 * The expectation that a connection reaches endpoints.
 *
 * @param endpoints All that may answer.
 * @param seen Whom they see; free when absent.
 * @returns The expectation.
 */
export function reaches(
  endpoints: readonly string[],
  seen?: "client" | "node",
): Expectation {
  return { kind: "reaches", endpoints, seen };
}

/**
 * The expectation that a client's connections stay together.
 *
 * @param endpoints All that may answer.
 * @param label Common to the flows that stay together.
 * @returns The expectation.
 */
export function sticks(endpoints: readonly string[], label = "client"): Expectation {
  return { kind: "sticks", endpoints, label };
}

/** It is refused at once. */
export const rejected: Expectation = { kind: "rejected" };
/** It gets no answer. */
export const dropped: Expectation = { kind: "dropped" };
/** No Service takes it. */
export const untouched: Expectation = { kind: "untouched" };
