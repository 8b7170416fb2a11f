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
import { Table } from "./table.tsx";
import { count, counted, shown } from "./words.ts";

/** The address of another page of the same search. */
function pageLink({ text, unserved }: ServiceSearch, page: number): string {
  const query = new URLSearchParams();
  if (text !== "") query.set("q", text);
  if (unserved) query.set("unserved", "1");
  if (page > 1) query.set("page", String(page));
  return query.size === 0 ? "/services" : `/services?${query}`;
}

function addressesOf(service: Service | undefined): string {
  if (service === undefined) return "–";
  const { clusterIP, clusterIPs, externalIPs, loadBalancerIngress } = service;
  const own = clusterIPs.length > 0 ? clusterIPs : clusterIP === "" ? [] : [clusterIP];
  const all = [...own, ...externalIPs, ...loadBalancerIngress.map(({ ip }) => ip)];
  return all.length === 0 ? "–" : all.map((ip) => shown(ip, 60)).join(" ");
}

function portsOf(service: Service | undefined): string {
  if (service === undefined) return "–";
  const ports = service.ports.map(({ port, nodePort, protocol }) =>
    `${port}${nodePort === 0 ? "" : `:${nodePort}`}/${shown(protocol, 10)}`
  );
  return ports.slice(0, 6).join(" ") + (ports.length > 6 ? ` +${ports.length - 6}` : "");
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

function Pages({ search, result }: ServiceTableProps) {
  const { page, pages } = result;
  if (pages === 1) return null;
  return (
    <nav class="pages" aria-label="Pages of Services">
      {page > 1 ? <a rel="prev" href={pageLink(search, page - 1)}>Previous</a> : ""}
      <span>Page {count(page)} of {count(pages)}</span>
      {page < pages ? <a rel="next" href={pageLink(search, page + 1)}>Next</a> : ""}
    </nav>
  );
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
  const { rows, found, all } = result;
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
        {rows.length === 0
          ? <p>None is called so, and none has such an address or port.</p>
          : (
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
        <Pages search={search} result={result} />
      </div>
    </>
  );
}
