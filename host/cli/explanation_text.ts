/**
 * An explanation for people.
 *
 * @module
 */
import type {
  ExplainedAddress,
  ExplainedEndpoint,
  ExplainedPort,
  ExplainedWay,
  Explanation,
} from "../../schemas/explanation.ts";
import { formatTable, type Style } from "./style.ts";

/** Rows of one table, unless all are asked for. */
const MOST_ROWS = 30;
/** Steps in a row at the same place, such as the endpoints of a map. */
const MOST_ALIKE = 8;

function heading(text: string, style: Style): string {
  return `\n${style.bold(text)}\n`;
}

/** Rows with a name before them, those without a value left out. */
function facts(rows: readonly (readonly [string, string])[], style: Style): string {
  const told = rows.filter(([, value]) => value !== "");
  return formatTable(told.map(([name, value]) => [style.dim(name), value]), { indent: 2 });
}

function serviceText(told: Explanation, style: Style): string {
  const { service, slices, pending } = told;
  if (service === undefined) return "";
  const { internalTrafficPolicy, externalTrafficPolicy, healthCheckNodePort } = service;
  const inside = service.type === "ClusterIP" && service.externalIPs.length === 0;
  const title = `Service ${service.namespace}/${service.name}`;
  return heading(title, style) + facts([
    ["type", service.type],
    ["cluster IPs", service.clusterIPs.join(", ")],
    ["external IPs", service.externalIPs.join(", ")],
    ["load balancer", service.loadBalancer.join(", ")],
    ["source ranges", service.loadBalancerSourceRanges.join(", ")],
    ["ports", service.ports.join("; ")],
    [
      "traffic policy",
      `internal ${internalTrafficPolicy}${inside ? "" : `, external ${externalTrafficPolicy}`}`,
    ],
    ["affinity", service.sessionAffinity === "None" ? "" : service.sessionAffinity],
    ["distribution", service.trafficDistribution],
    [
      "not ready too",
      service.publishNotReadyAddresses ? "published (publishNotReadyAddresses)" : "",
    ],
    ["health check", healthCheckNodePort === 0 ? "" : `node port ${healthCheckNodePort}`],
    [
      "slices",
      slices.length === 0
        ? style.yellow("none")
        : slices.map(({ name, addressType, ports, endpoints }) =>
          `${name} (${addressType}; ${ports.join(", ") || "no port"}; ${endpoints} endpoints)`
        ).join(", "),
    ],
    ["", ""],
    ["waiting", pending ? style.yellow("a change of it waits for a sync") : ""],
  ], style);
}

function verdictText({ verdict }: ExplainedAddress, style: Style): string {
  const refuses = verdict === "reject" || verdict === "drop";
  return refuses ? style.red(verdict) : style.green(verdict);
}

function andMore(count = 0): string {
  return count === 0 ? "" : ` and ${count} more`;
}

function addressRows(addresses: readonly ExplainedAddress[], style: Style): string {
  const rows = addresses.map((address) => [
    address.address,
    address.kind,
    verdictText(address, style),
    address.reason +
    (address.sources === undefined
      ? ""
      : `; only from ${address.sources.join(", ") || "nobody"}${andMore(address.sourcesMore)}`),
  ]);
  const head = ["ADDRESS", "KIND", "VERDICT", "WHY"].map((word) => style.dim(word));
  return formatTable([head, ...rows], { indent: 2 });
}

function membershipText({ serves, code, reason }: ExplainedEndpoint["cluster"], style: Style) {
  if (serves) return style.green(code === "member" ? "serves" : `serves: ${reason}`);
  return style.dim(reason);
}

function endpointRows(port: ExplainedPort, style: Style, all: boolean): string {
  const { endpoints, endpointsMore } = port;
  // A set that nobody uses says nothing.
  const uses = (set: "cluster" | "local") => endpoints.some((of) => of[set].code !== "unused");
  const sets = (["cluster", "local"] as const).filter(uses);
  const twin = ({ cluster, local }: ExplainedEndpoint) =>
    cluster.code === local.code && !cluster.serves;
  const shown = endpoints.slice(0, all ? undefined : MOST_ROWS);
  const rows = shown.map((endpoint) => {
    const serves = endpoint.cluster.serves || endpoint.local.serves;
    return [
      `${serves ? style.green("✔") : style.yellow("✘")} ${endpoint.address}`,
      endpoint.node || "-",
      endpoint.zone || "-",
      ...sets.map((set) =>
        twin(endpoint) && set !== sets[0] ? "" : membershipText(endpoint[set], style)
      ),
    ];
  });
  const head = ["  ENDPOINT", "NODE", "ZONE", ...sets.map((set) => set.toUpperCase())]
    .map((word) => style.dim(word));
  const more = endpoints.length - shown.length + endpointsMore;
  return `\n${formatTable([head, ...rows], { indent: 2 })}` +
    (more > 0 ? `    ${style.dim(`and ${more} more; --all shows up to 1000 of one port`)}\n` : "");
}

function portText(port: ExplainedPort, style: Style, all: boolean): string {
  const { traffic, topology, affinitySeconds, slicesPassedOver } = port;
  const notes: (readonly [string, string])[] = [
    [
      "topology",
      topology.code === "everyone" && topology.reason.startsWith("no ") ? "" : topology.reason,
    ],
    ["affinity", affinitySeconds === 0 ? "" : `by client's address, ${affinitySeconds} s`],
    [
      "counted",
      traffic === undefined
        ? ""
        : `${traffic.connections} connections, ${traffic.packets} packets, ${traffic.bytes} bytes`,
    ],
    ...slicesPassedOver.filter(({ code }) => code !== "other-family").map(({ slice, reason }) =>
      ["passed over", `slice ${slice}: ${reason}`] as const
    ),
    [
      "",
      port.slicesPassedOverMore === undefined
        ? ""
        : `and ${port.slicesPassedOverMore} more slices that are passed over`,
    ],
    ["kernel", port.programmed ? "" : style.yellow("has not yet what the objects say")],
  ];
  const { addressesMore } = port;
  return heading(port.id, style) + addressRows(port.addresses, style) +
    (addressesMore === undefined
      ? ""
      : `    ${style.dim(`and ${addressesMore} more addresses`)}\n`) +
    (port.endpoints.length === 0
      ? `\n  ${style.yellow("no endpoint")}\n`
      : endpointRows(port, style, all)) +
    (notes.some(([, value]) => value !== "") ? `\n${facts(notes, style)}` : "");
}

function wayText(
  { to, protocol, steps, stepsMore }: ExplainedWay,
  style: Style,
  all: boolean,
): string {
  const title = heading(`Rules for ${protocol} ${to}`, style);
  if (steps.length === 0) return `${title}  ${style.yellow("the proxier tells of none")}\n`;
  const rows: string[][] = [];
  let alike = 0;
  let left = 0;
  for (const [index, { at, match, outcome }] of steps.entries()) {
    alike = at === steps[index - 1]?.at ? alike + 1 : 0;
    if (alike < MOST_ALIKE || all) rows.push([at, match, `→ ${outcome}`]);
    else left++;
    if (left > 0 && at !== steps[index + 1]?.at) {
      rows.push([style.dim(`and ${left} more there; --all shows them`)]);
      left = 0;
    }
  }
  if (stepsMore !== undefined) rows.push([style.dim(`and ${stepsMore} more steps`)]);
  // A long remark must not push the columns apart.
  const wide = rows.filter((row) => row.length > 1);
  const table = formatTable(wide, { indent: 2 }).split("\n");
  return title +
    rows.map((row) => row.length > 1 ? `${table.shift()}\n` : `  ${row[0]}\n`).join("");
}

function connectionsText({ connections, connectionsMissing }: Explanation, style: Style): string {
  if (connectionsMissing !== undefined) {
    return heading("Connections", style) + `  ${style.yellow(connectionsMissing)}\n`;
  }
  if (connections === undefined) return "";
  const { total, more, listed } = connections;
  const count = `${total}${more ? " or more" : ""} tracked`;
  const head = ["CLIENT", "SENT TO", "ENDPOINT", "STATE", "TIMEOUT"].map((word) => style.dim(word));
  const rows = listed.map((
    { protocol, source, destination, endpoint, answeredTo, state, timeout },
  ) => [
    `${source}${answeredTo === source ? "" : style.dim(` as ${answeredTo}`)}`,
    `${protocol} ${destination}`,
    endpoint,
    state ?? "",
    timeout === undefined ? "" : `${timeout} s`,
  ]);
  return heading(`Connections: ${count}`, style) +
    (rows.length === 0 ? "" : formatTable([head, ...rows], { indent: 2 })) +
    (total > listed.length ? `  ${style.dim(`and ${total - listed.length} more`)}\n` : "");
}

/**
 * Tells an explanation to people.
 *
 * @param told The explanation.
 * @param style Colours, or none.
 * @param all Whether long tables are told whole.
 * @returns Text that ends in a line feed.
 */
export function explanationText(told: Explanation, style: Style, all: boolean): string {
  const { node, revision, proxier, problems, addressesLeftOut } = told;
  const summary = told.summary.length === 0 ? ["Nothing is known of it."] : told.summary;
  const zone = node.zone === "" ? "" : `, zone ${node.zone}`;
  return summary.map((sentence) => `${sentence}\n`).join("") +
    serviceText(told, style) +
    told.ports.map((port) => portText(port, style, all)).join("") +
    (problems.length === 0 ? "" : heading("Problems", style) + formatTable(
      problems.map(({ object, path, message }) => [style.red("✘"), object, path, message]),
      { indent: 2 },
    )) +
    (addressesLeftOut.length === 0 ? "" : heading("Addresses left out", style) + formatTable(
      addressesLeftOut.map(({ address, path, reason }) => [address, path, reason]),
      { indent: 2 },
    )) +
    told.ways.map((way) => wayText(way, style, all)).join("") +
    connectionsText(told, style) +
    `\n${
      style.dim(
        `On node ${node.name}${zone}, revision ${revision}, by ${proxier}, in ${told.milliseconds} ms`,
      )
    }\n`;
}
