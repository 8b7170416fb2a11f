/**
 * All cases, each in both families.
 *
 * @module
 */
import { AFFINITY_CASES } from "./cases/affinity.ts";
import { CHANGES } from "./cases/changes.ts";
import { CLUSTER_IP } from "./cases/cluster_ip.ts";
import { EXTERNAL_IP } from "./cases/external_ip.ts";
import { EXTERNAL_POLICY } from "./cases/external_policy.ts";
import { IGNORED } from "./cases/ignored.ts";
import { INTERNAL_POLICY } from "./cases/internal_policy.ts";
import { LOAD_BALANCER } from "./cases/load_balancer.ts";
import { MASQUERADE } from "./cases/masquerade.ts";
import { NODE_PORT } from "./cases/node_port.ts";
import { SERVICE_CIDR } from "./cases/service_cidr.ts";
import { TERMINATING } from "./cases/terminating.ts";
import { TOPOLOGY } from "./cases/topology.ts";
import type { ConformanceCase } from "./case.ts";
import { Place } from "./place.ts";
import type { CaseTemplate } from "./template.ts";
import { SETTINGS, THIS_NODE } from "./world.ts";

/** The cases as they are written, by what they are about. */
const TOPICS: Readonly<Record<string, readonly CaseTemplate[]>> = {
  "cluster IPs": CLUSTER_IP,
  "ignored Services": IGNORED,
  "NodePorts": NODE_PORT,
  "external IPs": EXTERNAL_IP,
  "load balancers": LOAD_BALANCER,
  "internalTrafficPolicy": INTERNAL_POLICY,
  "externalTrafficPolicy": EXTERNAL_POLICY,
  "session affinity": AFFINITY_CASES,
  "topology": TOPOLOGY,
  "terminating endpoints": TERMINATING,
  "masquerading": MASQUERADE,
  "ServiceCIDRs": SERVICE_CIDR,
  "changes": CHANGES,
};

function place(template: CaseTemplate, topic: string, at: Place): ConformanceCase {
  const { settings = {}, node = {}, steps } = template.build(at);
  return {
    name: `${template.name} (${at.family})`,
    topic,
    settings: { ...SETTINGS, ...settings },
    node: { ...THIS_NODE, ...node },
    steps: steps.map((step) => ({ when: "", wait: 0, ...step })),
  };
}

/** Every case. */
export const CASES: readonly ConformanceCase[] = Object.entries(TOPICS)
  .flatMap(([topic, templates]) => templates.map((template) => ({ topic, template })))
  .flatMap(({ topic, template }, index) =>
    (["IPv4", "IPv6"] as const).map((family) =>
      place(template, topic, new Place(index + 1, family))
    )
  );
