/**
 * What the resolver knows of the node it resolves for.
 *
 * @module
 */

/** This node, as far as the answer depends on it. */
export interface ResolverNode {
  /** The name that the endpoints' `nodeName` and node hints are compared with. */
  readonly name: string;
  /** The value of the label `topology.kubernetes.io/zone`, or "" when there is none. */
  readonly zone: string;
  /** Its addresses of types InternalIP and ExternalIP, of either family, as the Node has them. */
  readonly addresses: readonly string[];
  /** Services are not reached at their spec.externalIPs: AllowServiceExternalIPs is off (KEP-5707). */
  readonly ignoresExternalIPs?: boolean;
}
