/**
 * Slim objects as Kubernetes writes them, for sources that read files or the API server.
 *
 * @module
 */
import type { EndpointSlice, KubeObject, Node, Service } from "../../schemas/kube.ts";
import type { ApiObject } from "../kit/api_store.ts";

function serviceObject(service: Service): ApiObject {
  const { namespace, name, labels, annotations } = service;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace, name, labels, annotations },
    spec: {
      type: service.type,
      clusterIP: service.clusterIP,
      clusterIPs: service.clusterIPs,
      externalIPs: service.externalIPs,
      ports: service.ports,
      sessionAffinity: service.sessionAffinity,
      ...(service.sessionAffinity === "None" ? {} : {
        sessionAffinityConfig: { clientIP: { timeoutSeconds: service.affinityTimeoutSeconds } },
      }),
      internalTrafficPolicy: service.internalTrafficPolicy,
      externalTrafficPolicy: service.externalTrafficPolicy,
      healthCheckNodePort: service.healthCheckNodePort,
      publishNotReadyAddresses: service.publishNotReadyAddresses,
      loadBalancerSourceRanges: service.loadBalancerSourceRanges,
      trafficDistribution: service.trafficDistribution,
    },
    status: { loadBalancer: { ingress: service.loadBalancerIngress } },
  };
}

function named(names: readonly string[]) {
  return names.map((name) => ({ name }));
}

function sliceObject(slice: EndpointSlice): ApiObject {
  const { namespace, name, serviceName, addressType, lastChangeTriggerTime } = slice;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      namespace,
      name,
      labels: { "kubernetes.io/service-name": serviceName },
      ...(lastChangeTriggerTime === "" ? {} : {
        annotations: { "endpoints.kubernetes.io/last-change-trigger-time": lastChangeTriggerTime },
      }),
    },
    addressType,
    ports: slice.ports,
    endpoints: slice.endpoints.map(({ addresses, ready, serving, terminating, ...more }) => ({
      addresses,
      conditions: { ready, serving, terminating },
      nodeName: more.nodeName,
      zone: more.zone,
      hints: { forZones: named(more.hintZones), forNodes: named(more.hintNodes) },
    })),
  };
}

function nodeObject({ name, labels, podCIDRs, addresses, taints }: Node): ApiObject {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels },
    spec: { ...(podCIDRs.length === 0 ? {} : { podCIDR: podCIDRs[0], podCIDRs }), taints },
    status: { addresses: addresses.map((address) => ({ type: "InternalIP", address })) },
  };
}

/**
 * Writes an object out: the fields that the packet tests use.
 *
 * @param object A slim object.
 * @returns The same in Kubernetes' JSON form, with kind and apiVersion.
 */
export function kubeObject(object: KubeObject): ApiObject {
  switch (object.kind) {
    case "Service":
      return serviceObject(object);
    case "EndpointSlice":
      return sliceObject(object);
    case "Node":
      return nodeObject(object);
    case "ServiceCIDR":
      return {
        apiVersion: "networking.k8s.io/v1",
        kind: "ServiceCIDR",
        metadata: { name: object.name },
        spec: { cidrs: object.cidrs },
      };
  }
}
