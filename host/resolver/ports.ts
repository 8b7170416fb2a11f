/**
 * The ports of a Service: which of them can be programmed.
 *
 * @module
 */
import type { Protocol, Service, ServicePort } from "../../schemas/kube.ts";
import type { Problem } from "./problem.ts";

/** A port of a Service that can be programmed. */
export interface UsablePort {
  /** DNS label, or "" when the Service has a single unnamed port. */
  readonly name: string;
  /** Of the port and of its node port. */
  readonly protocol: Protocol;
  /** 1–65535. */
  readonly port: number;
  /** 1–65535, or 0 when there is none or none that can be programmed. */
  readonly nodePort: number;
}

type Fault = Pick<Problem, "path" | "message">;

/**
 * Tells whether a word is a protocol that a Service can have.
 *
 * @param value Any word.
 * @returns True for TCP, UDP and SCTP.
 */
export function isProtocol(value: string): value is Protocol {
  return value === "TCP" || value === "UDP" || value === "SCTP";
}

/**
 * Tells whether a number is a port.
 *
 * @param value Any number.
 * @returns True for the integers 1–65535.
 */
export function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 65_535;
}

function readPort(port: ServicePort, before: readonly UsablePort[]): UsablePort | Fault {
  if (!isPort(port.port)) {
    return { path: "port", message: `Cannot program "${port.port}": a port is 1–65535` };
  }
  const { protocol } = port;
  if (!isProtocol(protocol)) {
    return {
      path: "protocol",
      message: `Cannot program "${protocol}": it is none of TCP, UDP and SCTP`,
    };
  }
  // (port, protocol) is the API server's own key of the list, (name, protocol) is ours.
  const twin = before.find((other) =>
    other.protocol === protocol && (other.name === port.name || other.port === port.port)
  );
  if (twin === undefined) return { ...port, protocol };
  return {
    path: twin.name === port.name ? "name" : "port",
    message: `Cannot program "${twin.name === port.name ? port.name : port.port}": ` +
      `another ${protocol} port of the Service has it already`,
  };
}

/** The fault of a node port; the port behind it is programmed all the same. */
function nodePortFault(port: UsablePort, before: readonly UsablePort[]): Fault | undefined {
  const { nodePort, protocol } = port;
  if (nodePort === 0) return undefined;
  const told = `Cannot program "${nodePort}"`;
  if (!isPort(nodePort)) return { path: "nodePort", message: `${told}: a port is 1–65535` };
  const twin = before.some((other) => other.nodePort === nodePort && other.protocol === protocol);
  if (!twin) return undefined;
  const state = `another ${protocol} port of the Service has it already`;
  return { path: "nodePort", message: `${told}: ${state}` };
}

/**
 * Sorts out the ports of a Service.
 *
 * @param service The Service.
 * @param problems Receives what cannot be used.
 * @returns The ports that can be programmed, in the Service's order: each name and each port once
 * for each protocol, and each node port too.
 */
export function usablePorts(service: Service, problems: Problem[]): readonly UsablePort[] {
  const usable: UsablePort[] = [];
  const report = (index: number, fault: Fault) =>
    problems.push({
      object: `Service ${service.namespace}/${service.name}`,
      path: `spec.ports[${index}].${fault.path}`,
      message: fault.message,
    });
  for (const [index, written] of service.ports.entries()) {
    const port = readPort(written, usable);
    if ("message" in port) {
      report(index, port);
      continue;
    }
    const fault = nodePortFault(port, usable);
    if (fault !== undefined) report(index, fault);
    usable.push(fault === undefined ? port : { ...port, nodePort: 0 });
  }
  return usable;
}
