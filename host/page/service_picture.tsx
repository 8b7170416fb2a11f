/**
 * A Service as a picture: addresses → policy → endpoints, each with its reason.
 *
 * @module
 */
import type {
  ExplainedAddress,
  ExplainedPort,
  ExplainedWay,
  Explanation,
} from "../../schemas/explanation.ts";
import { LivePart } from "./document.tsx";
import { ENDPOINTS, Endpoints, type EndpointsProps } from "./endpoint_table.tsx";
import { Pages, Table } from "./table.tsx";
import { count, counted, duration, shown } from "./words.ts";

/** Service ports that are drawn at a time. */
const PAGE_PORTS = 20;
/** Addresses of one service port that are drawn, and source ranges of one address. */
const MOST_ADDRESSES = 30;
const MOST_SOURCES = 8;
/** Steps of one way that are drawn: a map of 5,000 endpoints is as many. */
const MOST_STEPS = 40;

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

function Addresses({ port }: { readonly port: ExplainedPort }) {
  const { addresses, addressesMore = 0 } = port;
  const hidden = Math.max(0, addresses.length - MOST_ADDRESSES) + addressesMore;
  return (
    <ul class="plain">
      {addresses.slice(0, MOST_ADDRESSES).map(({ kind, address, sources, sourcesMore = 0 }) => (
        <li>
          <code>{shown(address, 100)}</code> <span class="soft">{ADDRESS_KINDS[kind]}</span>
          {sources === undefined ? "" : (
            <div class="soft">
              only from {sources.slice(0, MOST_SOURCES).map((cidr) => shown(cidr, 60)).join(", ")}
              {sources.length + sourcesMore > MOST_SOURCES
                ? ` and ${count(Math.max(0, sources.length - MOST_SOURCES) + sourcesMore)} more`
                : ""}
            </div>
          )}
        </li>
      ))}
      {hidden > 0 ? <li>and {count(hidden)} more</li> : ""}
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

function Port({ port, at, most }: EndpointsProps & { readonly at: number }) {
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
          <Addresses port={port} />
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
          <Endpoints port={port} most={most} />
        </div>
      </div>
    </section>
  );
}

function Way({ way, at }: { readonly way: ExplainedWay; readonly at: number }) {
  const steps = way.steps.length + (way.stepsMore ?? 0);
  return (
    <details id={`way-${at}`}>
      <summary>
        <code>{shown(way.to, 100)}</code> {way.protocol}: {counted(steps, "step")}
      </summary>
      <Table label={`Rules for ${way.to}`} columns={["Where", "What matches", "What follows"]}>
        {way.steps.slice(0, MOST_STEPS).map(({ at, match, outcome }) => (
          <tr>
            <td class="mono">{shown(at, 400)}</td>
            <td class="mono">{shown(match, 400)}</td>
            <td class="mono">{shown(outcome, 400)}</td>
          </tr>
        ))}
        {steps > MOST_STEPS
          ? (
            <tr>
              <td colspan={3}>
                {counted(steps - MOST_STEPS, "step")} more, as <code>weir explain</code> tells them
              </td>
            </tr>
          )
          : ""}
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
function notesOf(
  { problems, notProxied, addressesLeftOut, pending, notListed }: Explanation,
): string[] {
  const left = Object.entries(notListed ?? {}).map(([list, more]) => `${count(more)} of ${list}`);
  return [
    ...(left.length === 0 ? [] : [`Not all is listed: ${left.join(", ")} are left out.`]),
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
  /** Which of its pages of service ports; counts from 1. */
  readonly page: number;
}

/** Service ports to be drawn, those that somebody is not served at first. */
function Ports({ ports, page: wanted }: {
  readonly ports: readonly ExplainedPort[];
  readonly page: number;
}) {
  const pages = Math.max(1, Math.ceil(ports.length / PAGE_PORTS));
  const page = Math.min(pages, Math.max(1, wanted));
  const ordered = pages === 1 ? ports : [
    ...ports.filter(({ addresses }) => !addresses.every(isServed)),
    ...ports.filter(({ addresses }) => addresses.every(isServed)),
  ];
  const drawn = ordered.slice((page - 1) * PAGE_PORTS, page * PAGE_PORTS);
  const fair = Math.floor(ENDPOINTS.view / Math.max(1, drawn.length));
  const most = Math.min(ENDPOINTS.most, Math.max(ENDPOINTS.least, fair));
  return (
    <>
      {drawn.map((port, at) => <Port port={port} at={at} most={most} />)}
      <Pages
        of="service ports"
        page={page}
        pages={pages}
        link={(other) => `?ports=${other}`}
      />
    </>
  );
}

/**
 * Draws a Service.
 *
 * @param props The Service.
 * @returns The view.
 */
export function ServicePicture({ name, explanation, page }: ServicePictureProps) {
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
        <Ports ports={ports} page={page} />
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
