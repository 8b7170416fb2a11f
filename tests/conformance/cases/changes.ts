/**
 * Services that change while they serve.
 *
 * @module
 */
import { reaches, rejected, untouched } from "../case.ts";
import { HTTP } from "../place.ts";
import type { CaseTemplate } from "../template.ts";

const TYPES = "spec.type may be changed in place, up and down (Service).";
const PORTS = "spec.ports may be changed in place (Service).";
const ADDRESS = "A Service that was made anew has another cluster IP (Service).";
const SCALE = "New connections go to the endpoints of the moment (EndpointSlices).";
const ONE = reaches(["backend-0"], "node");

/** The cases. */
export const CHANGES: readonly CaseTemplate[] = [
  {
    name: "A Service's type changes, up and down",
    build(place) {
      const flows = (vip: boolean, nodePort: boolean) => [
        { from: "outside", to: place.to(place.clusterIP()), expect: ONE, rule: TYPES } as const,
        {
          ...{
            from: "outside",
            to: place.to(place.nodeIP, place.nodePort()),
            rule: TYPES,
          } as const,
          expect: nodePort ? ONE : untouched,
        },
        {
          ...{ from: "outside", to: place.to(place.loadBalancerIP()), rule: TYPES } as const,
          expect: vip ? ONE : untouched,
        },
      ];
      const plain = place.with(place.service(), ["backend-0"]);
      const nodePort = place.with(place.nodePortService(), ["backend-0"]);
      const balancer = place.with(place.loadBalancerService(), ["backend-0"]);
      return {
        steps: [
          { objects: plain, flows: flows(false, false) },
          { when: "it is a NodePort", objects: nodePort, flows: flows(false, true) },
          { when: "it is a LoadBalancer", objects: balancer, flows: flows(true, true) },
          { when: "it is a NodePort again", objects: nodePort, flows: flows(false, true) },
          { when: "it is a ClusterIP again", objects: plain, flows: flows(false, false) },
        ],
      };
    },
  },
  {
    name: "A Service's port and protocol change",
    build(place) {
      const with_ = (port: number, protocol: "TCP" | "UDP") =>
        place.with(place.service({ ports: [{ ...HTTP, port, protocol }] }), ["backend-0"]);
      const flow = (port: number, protocol: "TCP" | "UDP", serves: boolean) => ({
        ...{ from: "client", to: place.to(place.clusterIP(), port, protocol) } as const,
        ...{ expect: serves ? reaches(["backend-0"], "client") : rejected, rule: PORTS },
      });
      return {
        steps: [
          { objects: with_(80, "TCP"), flows: [flow(80, "TCP", true), flow(90, "TCP", false)] },
          {
            when: "its port is another",
            objects: with_(90, "TCP"),
            flows: [flow(80, "TCP", false), flow(90, "TCP", true)],
          },
          {
            when: "its protocol is another",
            objects: with_(90, "UDP"),
            flows: [flow(90, "TCP", false), flow(90, "UDP", true)],
          },
        ],
      };
    },
  },
  {
    name: "A Service is made anew with another cluster IP, and another takes the first",
    build(place) {
      const service = place.service();
      const renewed = place.service({ clusterIP: place.clusterIP(1) });
      const other = place.service({ name: "other" });
      const flow = (index: number) =>
        ({ from: "client", to: place.to(place.clusterIP(index)), rule: ADDRESS }) as const;
      const to = (name: string) => reaches([name], "client");
      return {
        steps: [
          {
            objects: place.with(service, ["backend-0"]),
            flows: [{ ...flow(0), expect: to("backend-0") }, { ...flow(1), expect: untouched }],
          },
          {
            when: "it has another cluster IP",
            objects: place.with(renewed, ["backend-0"]),
            flows: [{ ...flow(0), expect: untouched }, { ...flow(1), expect: to("backend-0") }],
          },
          {
            when: "another Service has the first one",
            objects: [
              ...place.with(renewed, ["backend-0"]),
              ...place.with(other, ["elsewhere-0"]),
            ],
            flows: [
              { ...flow(0), expect: to("elsewhere-0") },
              { ...flow(1), expect: to("backend-0") },
            ],
          },
        ],
      };
    },
  },
  {
    name: "A Service is scaled up and down, at every address it has",
    build(place) {
      const service = place.loadBalancerService({ externalIPs: [place.externalIP()] });
      const all = ["backend-0", "backend-1", "elsewhere-0", "elsewhere-1"] as const;
      const step = (when: string, count: number) => {
        const endpoints = all.slice(all.length - count);
        const expect = count === 0 ? rejected : reaches(endpoints, "node");
        return {
          when,
          objects: place.with(service, endpoints),
          flows: [
            place.to(place.clusterIP()),
            place.to(place.loadBalancerIP()),
            place.to(place.nodeIP, place.nodePort()),
          ].map((to) => ({ from: "outside", to, expect, rule: SCALE }) as const),
        };
      };
      return {
        steps: [
          step("", 1),
          step("there are four endpoints", 4),
          step("there are two", 2),
          step("there is none", 0),
          step("there are three", 3),
        ],
      };
    },
  },
];
