/**
 * The Services, to be searched.
 *
 * @module
 */
import type { Service } from "../../schemas/kube.ts";
import {
  isUnserved,
  type ServicePage,
  type ServiceRow,
  type ServiceSearch,
} from "./service_list.ts";
import { Pages, Table } from "./table.tsx";
import { count, counted, shown } from "./words.ts";

/** The address of another page of the same search. */
function pageLink({ text, unserved }: ServiceSearch, page: number): string {
  const query = new URLSearchParams();
  if (text !== "") query.set("q", text);
  if (unserved) query.set("unserved", "1");
  if (page > 1) query.set("page", String(page));
  return query.size === 0 ? "/services" : `/services?${query}`;
}

/** Texts of a row that are shown. */
const MOST_TEXTS = 6;

function someOf(texts: readonly string[]): string {
  const more = texts.length - MOST_TEXTS;
  return texts.slice(0, MOST_TEXTS).join(" ") + (more > 0 ? ` and ${more} more` : "");
}

function addressesOf(service: Service | undefined): string {
  if (service === undefined) return "–";
  const { clusterIP, clusterIPs, externalIPs, loadBalancerIngress } = service;
  const own = clusterIPs.length > 0 ? clusterIPs : clusterIP === "" ? [] : [clusterIP];
  const all = [...own, ...externalIPs, ...loadBalancerIngress.map(({ ip }) => ip)];
  return all.length === 0 ? "–" : someOf(all.map((ip) => shown(ip, 60)));
}

function portsOf(service: Service | undefined): string {
  if (service === undefined) return "–";
  const ports = service.ports.map(({ port, nodePort, protocol }) =>
    `${port}${nodePort === 0 ? "" : `:${nodePort}`}/${shown(protocol, 10)}`
  );
  return someOf(ports);
}

function State({ service, views }: Omit<ServiceRow, "key">) {
  if (service === undefined) return <span class="soft">only slices</span>;
  if (views.length === 0) return <span class="soft">not proxied</span>;
  if (views.some(isUnserved)) return <span class="bad">✗ without endpoints</span>;
  return <span class="good">✓ served</span>;
}

/** Of how many addresses; a pod counts once however many ports it has. */
function endpointCount({ views }: ServiceRow): number {
  return new Set(
    views.flatMap(({ endpoints }) =>
      endpoints.filter(({ inCluster, inLocal }) => inCluster || inLocal).map(({ ip }) => ip)
    ),
  ).size;
}

/** Why the table is empty, and what can be done about it. */
function nothingFound({ text, unserved }: ServiceSearch, all: number): string {
  if (all === 0) {
    return "weir has not been told of a Service yet. If there are some, the log says what it waits " +
      "for, and weir check whether it may list them.";
  }
  if (!unserved) return "None is called so, and none has such an address or port.";
  return text === ""
    ? "Every Service that is proxied has an endpoint for whoever may connect to it."
    : "Of those that are without endpoints, none is called so or has such an address or port.";
}

/** What was looked for, and what was found. */
export interface ServiceTableProps {
  readonly search: ServiceSearch;
  readonly result: ServicePage;
}

/**
 * The view of all Services.
 *
 * @param props What was looked for, and what was found.
 * @returns The view.
 */
export function ServiceTable({ search, result }: ServiceTableProps) {
  const { rows, found, all, page, pages } = result;
  const searched = search.text !== "" || search.unserved;
  return (
    <>
      <h1>Services</h1>
      <form id="search" role="search" action="/services" method="get">
        <label>
          Name, address or port begins with
          <input
            type="search"
            name="q"
            value={search.text}
            autocomplete="off"
            spellcheck={false}
            maxlength={200}
          />
        </label>
        <label class="tick">
          <input type="checkbox" name="unserved" value="1" checked={search.unserved} />
          Without endpoints only
        </label>
        <button type="submit">Search</button>
      </form>
      <div id="found" data-live="">
        <p id="count">
          {searched ? `${count(found)} of ${counted(all, "Service")}` : counted(all, "Service")}
        </p>
        {rows.length === 0 ? <p>{nothingFound(search, all)}</p> : (
          <Table
            label="Services"
            columns={["Service", "Type", "Addresses", "Ports", "#Endpoints", "State"]}
          >
            {rows.map((row) => (
              <tr>
                <th scope="row">
                  <a href={`/services/${row.key.split("/").map(encodeURIComponent).join("/")}`}>
                    {shown(row.key, 320)}
                  </a>
                </th>
                <td>{row.service?.type ?? "–"}</td>
                <td class="mono">{addressesOf(row.service)}</td>
                <td class="mono">{portsOf(row.service)}</td>
                <td class="number">{count(endpointCount(row))}</td>
                <td>
                  <State service={row.service} views={row.views} />
                </td>
              </tr>
            ))}
          </Table>
        )}
        <Pages
          of="Services"
          page={page}
          pages={pages}
          link={(other) => pageLink(search, other)}
        />
      </div>
    </>
  );
}
