/**
 * The endpoints of a service port that still answer.
 *
 * @module
 */
import type { EndpointSlice } from "../../schemas/kube.ts";
import type { ServicePortView } from "../../schemas/view.ts";
import { gatherCandidates } from "../resolver/candidates.ts";
import type { EndpointAddress } from "./suspicion.ts";

/**
 * Finds the endpoints that answer, those among them that get no new flows: terminating ones beside
 * ready ones, and those that topology leaves to other nodes. As upstream, flows to a serving
 * endpoint are left to end by themselves.
 *
 * @param slices The Service's, sorted by name.
 * @param view The service port.
 * @returns Its serving endpoints, sorted by address and port.
 */
export function servingEndpoints(
  slices: readonly EndpointSlice[],
  view: ServicePortView,
): readonly EndpointAddress[] {
  const { portName, protocol, family } = view;
  // What cannot be programmed was said when the port was resolved.
  return gatherCandidates(slices, { name: portName, protocol }, family, [])
    .filter(({ endpoint }) => endpoint.serving);
}
