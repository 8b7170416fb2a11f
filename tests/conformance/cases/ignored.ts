/**
 * Services that a service proxy leaves alone.
 *
 * @module
 */
import type { Service } from "../../../schemas/kube.ts";
import { reaches, untouched } from "../case.ts";
import type { Place } from "../place.ts";
import type { CaseTemplate } from "../template.ts";

const LABEL = { "service.kubernetes.io/service-proxy-name": "another" };

function ignored(
  name: string,
  rule: string,
  fields: (place: Place) => Partial<Service>,
): CaseTemplate {
  return {
    name,
    build(place) {
      const service = place.nodePortService({
        externalIPs: [place.externalIP()],
        ...fields(place),
      });
      return {
        steps: [{
          objects: place.with(service, ["backend-0"]),
          flows: [
            { from: "client", to: place.to(place.clusterIP()), expect: untouched, rule },
            { from: "outside", to: place.to(place.externalIP()), expect: untouched, rule },
            {
              ...{ from: "outside", to: place.to(place.nodeIP, place.nodePort()) },
              ...{ expect: untouched, rule },
            },
          ],
        }],
      };
    },
  };
}

/** The cases. */
export const IGNORED: readonly CaseTemplate[] = [
  ignored(
    "A headless Service is nothing to a proxy, whatever else it says",
    "A Service whose clusterIP is None has no virtual IP (Headless Services).",
    () => ({ type: "ClusterIP", clusterIP: "None" }),
  ),
  ignored(
    "An ExternalName Service is nothing to a proxy, whatever else it says",
    "ExternalName is DNS alone, no proxying is set up (Service, ExternalName).",
    () => ({ type: "ExternalName", clusterIP: "", clusterIPs: [] }),
  ),
  ignored(
    "A Service that names another proxy is left to it",
    "kube-proxy ignores Services with the label service.kubernetes.io/service-proxy-name (KEP-2447).",
    () => ({ labels: LABEL }),
  ),
  {
    name: "A Service that gets another proxy's name is let go of, and taken up again without it",
    build(place) {
      const rule = "kube-proxy ignores Services with the label " +
        "service.kubernetes.io/service-proxy-name (KEP-2447).";
      const service = place.service();
      const to = place.to(place.clusterIP());
      const serves = {
        from: "client",
        to,
        rule,
        expect: reaches(["backend-0"], "client"),
      } as const;
      return {
        steps: [
          { objects: place.with(service, ["backend-0"]), flows: [serves] },
          {
            when: "it has the label",
            objects: place.with({ ...service, labels: LABEL }, ["backend-0"]),
            flows: [{ ...serves, expect: untouched }],
          },
          {
            when: "it has lost the label",
            objects: place.with(service, ["backend-0"]),
            flows: [serves],
          },
        ],
      };
    },
  },
];
