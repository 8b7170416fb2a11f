/**
 * A Service as a picture: addresses → policy → endpoints, each with its reason.
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
import { LivePart } from "./document.tsx";
import { Table } from "./table.tsx";
import { count, counted, duration, percent, shown } from "./words.ts";

/** Endpoints of one service port that are drawn. */
const MOST_DRAWN = 200;

const ADDRESS_KINDS: Readonly<Record<ExplainedAddress["kind"], string>> = {
  clusterIP: "cluster IP",
  externalIP: "external IP",
  loadBalancerIP: "load balancer",
  nodePort: "node port",
};

const VERDICTS: Readonly<Record<ExplainedAddress["verdict"], string>> = {
  cluster: "✓ the cluster's endpoints",
  local: "✓ this node's endpoints",
  reject: "✗ rejected",
  drop: "✗ dropped",
};

function isServed({ verdict }: ExplainedAddress): boolean {
  return verdict === "cluster" || verdict === "local";
}

function Addresses({ addresses }: { readonly addresses: readonly ExplainedAddress[] }) {
  return (
    <ul class="plain">
      {addresses.map(({ kind, address, sources }) => (
        <li>
          <code>{shown(address, 100)}</code> <span class="soft">{ADDRESS_KINDS[kind]}</span>
          {sources === undefined
            ? ""
            : <div class="soft">only from {sources.map((cidr) => shown(cidr, 60)).join(", ")}</div>}
        </li>
      ))}
    </ul>
  );
}

/** Every verdict once, with the kinds of addresses that meet it. */
function Policy({ port }: { readonly port: ExplainedPort }) {
  const met = Map.groupBy(port.addresses, ({ verdict, reason }) => `${verdict} ${reason}`);
  return (
    <>
      <ul class="plain">
        {[...met.values()].map(([first, ...others]) => {
          if (first === undefined) return "";
          const kinds = new Set([first, ...others].map(({ kind }) => ADDRESS_KINDS[kind]));
          return (
            <li>
              <span class={`verdict ${isServed(first) ? "good" : "bad"}`}>
                {VERDICTS[first.verdict]}
              </span>
              <div>{[...kinds].join(", ")}: {shown(first.reason)}</div>
            </li>
          );
        })}
      </ul>
      <p class="soft">{shown(port.topology.reason)}</p>
      {port.affinitySeconds > 0
        ? <p>A client stays with its endpoint for {count(port.affinitySeconds)} s.</p>
        : ""}
    </>
  );
}

/** What part of new connections an endpoint gets: a set is balanced evenly. */
function shareOf(serves: boolean, size: number): number {
  return serves && size > 0 ? 1 / size : 0;
}

function Share({ share }: { readonly share: number }) {
  return (
    <svg
      class="bar share"
      viewBox="0 0 100 10"
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
    >
      <rect width={(share * 100).toFixed(1)} height="10" />
    </svg>
  );
}

function conditions({ ready, serving, terminating }: ExplainedEndpoint): string {
  return [
    ready ? "ready" : "not ready",
    ...(terminating ? [serving ? "terminating, serving" : "terminating"] : []),
  ].join(", ");
}

/** The sets of endpoints, and what they are called here. */
const SETS = { cluster: "Cluster", local: "This node" } as const;

/** One reason, or one for each set where they differ. */
function Why({ endpoint, sets }: {
  readonly endpoint: ExplainedEndpoint;
  readonly sets: readonly (keyof typeof SETS)[];
}) {
  const [first, ...others] = sets;
  const reason = (set: keyof typeof SETS) => shown(endpoint[set].reason);
  if (first === undefined) return null;
  if (others.every((set) => reason(set) === reason(first))) return <div>{reason(first)}</div>;
  return <>{sets.map((set) => <div>{SETS[set]}: {reason(set)}</div>)}</>;
}

function Endpoints({ port }: { readonly port: ExplainedPort }) {
  const { endpoints, endpointsMore, addresses, slicesPassedOver } = port;
  // Which sets matter: those that an address of the port leads to.
  const wanted = (["cluster", "local"] as const).filter((set) =>
    addresses.some(({ verdict }) => verdict === set)
  );
  const sets = wanted.length === 0 ? ["cluster"] as const : wanted;
  if (endpoints.length === 0) {
    return (
      <>
        <p class="bad">There is no endpoint.</p>
        {slicesPassedOver.map(({ slice, reason }) => (
          <p>
            <code>{shown(slice, 260)}</code>: {shown(reason)}
          </p>
        ))}
      </>
    );
  }
  const sizes = {
    cluster: endpoints.filter(({ cluster }) => cluster.serves).length,
    local: endpoints.filter(({ local }) => local.serves).length,
  };
  const hidden = endpointsMore + Math.max(0, endpoints.length - MOST_DRAWN);
  return (
    <Table
      label={`Endpoints of ${port.id}`}
      columns={[
        "Endpoint",
        "Node and zone",
        ...sets.map((set) => SETS[set]),
        "Why",
      ]}
    >
      {endpoints.slice(0, MOST_DRAWN).map((endpoint) => (
        <tr>
          <th scope="row">
            <code>{shown(endpoint.address, 100)}</code>
            <div class="soft">{conditions(endpoint)}</div>
          </th>
          <td>
            {shown(endpoint.node, 260) || "–"}
            {endpoint.zone === "" ? "" : <div class="soft">zone {shown(endpoint.zone, 100)}</div>}
          </td>
          {sets.map((set) => {
            const { serves } = endpoint[set];
            const share = shareOf(serves, sizes[set]);
            return (
              <td>
                {serves ? `${endpointsMore > 0 ? "at most " : ""}${percent(share)}` : "–"}
                <Share share={share} />
              </td>
            );
          })}
          <td class="why">
            <Why endpoint={endpoint} sets={sets} />
            {endpoint.hintZones.length === 0 ? "" : (
              <div class="soft">
                hinted for {endpoint.hintZones.map((zone) => shown(zone, 100)).join(", ")}
              </div>
            )}
          </td>
        </tr>
      ))}
      {hidden > 0
        ? (
          <tr>
            <td colspan={3 + sets.length}>{counted(hidden, "endpoint")} more</td>
          </tr>
        )
        : ""}
    </Table>
  );
}

function Port({ port, at }: { readonly port: ExplainedPort; readonly at: number }) {
  const { traffic } = port;
  return (
    <section aria-labelledby={`port-${at}`}>
      <h2 id={`port-${at}`}>
        <span class="mono">{shown(port.id, 400)}</span>
      </h2>
      {port.programmed
        ? ""
        : <p class="notes">The kernel does not have it so yet: a sync has to come.</p>}
      <div class="picture">
        <div>
          <h3>Addresses</h3>
          <Addresses addresses={port.addresses} />
        </div>
        <div>
          <h3>Policy</h3>
          <Policy port={port} />
          {traffic === undefined ? "" : (
            <p class="soft">
              {counted(traffic.connections, "connection")}, {counted(traffic.packets, "packet")},
              {" "}
              {counted(traffic.bytes, "byte")} so far
            </p>
          )}
        </div>
        <div>
          <h3>Endpoints</h3>
          <Endpoints port={port} />
        </div>
      </div>
    </section>
  );
}

function Way({ way, at }: { readonly way: ExplainedWay; readonly at: number }) {
  return (
    <details id={`way-${at}`}>
      <summary>
        <code>{shown(way.to, 100)}</code> {way.protocol}: {counted(way.steps.length, "step")}
      </summary>
      <Table label={`Rules for ${way.to}`} columns={["Where", "What matches", "What follows"]}>
        {way.steps.map(({ at, match, outcome }) => (
          <tr>
            <td class="mono">{shown(at, 400)}</td>
            <td class="mono">{shown(match, 400)}</td>
            <td class="mono">{shown(outcome, 400)}</td>
          </tr>
        ))}
      </Table>
    </details>
  );
}

function Connections({ told, missing }: {
  readonly told: Explanation["connections"];
  readonly missing: string | undefined;
}) {
  if (told === undefined) return <p class="soft">{shown(missing ?? "not asked for")}</p>;
  if (told.total === 0) return <p>None is tracked.</p>;
  return (
    <>
      <p>{counted(told.total, "connection")}{told.more ? " or more" : ""}</p>
      <Table label="Connections" columns={["From", "To", "Endpoint", "State", "#Forgotten after"]}>
        {told.listed.map(({ source, destination, endpoint, protocol, state, timeout }) => (
          <tr>
            <td class="mono">{source}</td>
            <td class="mono">{destination}</td>
            <td class="mono">{endpoint}</td>
            <td>{protocol} {shown(state ?? "", 40)}</td>
            <td class="number">{timeout === undefined ? "–" : duration(timeout * 1000)}</td>
          </tr>
        ))}
      </Table>
    </>
  );
}

/** What is wrong, or not as one may think. */
function notesOf({ problems, notProxied, addressesLeftOut, pending }: Explanation): string[] {
  return [
    ...(notProxied === undefined ? [] : [`No service proxy serves it: ${notProxied.reason}.`]),
    ...(pending ? ["A change of it waits for a sync."] : []),
    ...problems.map(({ object, path, message }) => `${object}, ${path}: ${message}`),
    ...addressesLeftOut.map(({ address, reason }) => `${address} is not served: ${reason}`),
  ].map((note) => shown(note));
}

/** A Service to be drawn. */
export interface ServicePictureProps {
  /** `namespace/name`. */
  readonly name: string;
  readonly explanation: Explanation;
}

/**
 * Draws a Service.
 *
 * @param props The Service.
 * @returns The view.
 */
export function ServicePicture({ name, explanation }: ServicePictureProps) {
  const { service, ports, ways, waysMissing, connections, connectionsMissing } = explanation;
  const notes = notesOf(explanation);
  return (
    <>
      <p>
        <a href="/services">Services</a> /
      </p>
      <h1>
        <span class="mono">{shown(name, 320)}</span>
      </h1>
      <LivePart id="service">
        {service === undefined
          ? <p>{shown(explanation.summary.join(" ")) || "There is no such Service."}</p>
          : (
            <p class="soft">
              {service.type}, internal traffic policy {service.internalTrafficPolicy}, external{" "}
              {service.externalTrafficPolicy}, session affinity {service.sessionAffinity}
              {service.trafficDistribution === ""
                ? ""
                : `, traffic distribution ${shown(service.trafficDistribution, 80)}`}; as node{" "}
              <span class="mono">{explanation.node.name}</span>
              {explanation.node.zone === "" ? "" : ` in zone ${shown(explanation.node.zone, 100)}`}
              {" "}
              sees it
            </p>
          )}
        {notes.length === 0 ? "" : (
          <div class="notes">
            <ul class="plain">{notes.map((note) => <li>{note}</li>)}</ul>
          </div>
        )}
        {ports.map((port, at) => <Port port={port} at={at} />)}
        {service === undefined || ports.length === 0 ? "" : (
          <>
            <h2>What matches in the kernel</h2>
            {waysMissing === undefined ? "" : <p class="soft">{shown(waysMissing)}</p>}
            {ways.map((way, at) => <Way way={way} at={at} />)}
            <h2>Connections</h2>
            <Connections told={connections} missing={connectionsMissing} />
          </>
        )}
      </LivePart>
    </>
  );
}
