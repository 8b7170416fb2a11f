/**
 * What a load balancer asks of a node: whether it has endpoints of a Service.
 *
 * @module
 */

/**
 * The health-check node port of one Service: of type LoadBalancer with externalTrafficPolicy Local.
 * A load balancer asks there which nodes to send the Service's connections to.
 */
export interface ServiceHealth {
  /** Namespace of the Service. */
  readonly namespace: string;
  /** Name of the Service. */
  readonly name: string;
  /** 1–65535: `spec.healthCheckNodePort`, on the addresses of the node. */
  readonly port: number;
  /**
   * How many endpoints of this node are ready; with 0 the load balancer is to pass the node by.
   * Those that are terminating do not count, though they serve while none is ready (KEP-1669): the
   * load balancer is to go elsewhere before they are gone. An endpoint counts once, however many
   * ports and families it serves.
   */
  readonly localEndpoints: number;
}
