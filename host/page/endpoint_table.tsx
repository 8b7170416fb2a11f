/**
 * The endpoints of a service port: where each is, what share of new connections it gets, and why.
 *
 * @module
 */
import type { ExplainedEndpoint, ExplainedPort } from "../../schemas/explanation.ts";
import { Table } from "./table.tsx";
import { counted, percent, shown } from "./words.ts";

/** Endpoints that are drawn at a time: of one service port at most and at least, and of a view. */
export const ENDPOINTS = { most: 200, least: 10, view: 400 } as const;

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

/** Some of too many: as many that serve as that do not, since these are asked after. */
function drawnOf(
  endpoints: readonly ExplainedEndpoint[],
  most: number,
): readonly ExplainedEndpoint[] {
  if (endpoints.length <= most) return endpoints;
  const serves = ({ cluster, local }: ExplainedEndpoint) => cluster.serves || local.serves;
  const serving = endpoints.filter(serves);
  const others = endpoints.filter((endpoint) => !serves(endpoint));
  const half = Math.ceil(most / 2);
  const first = serving.slice(0, Math.max(half, most - others.length));
  return [...first, ...others.slice(0, most - first.length)];
}

/** Endpoints to be drawn. */
export interface EndpointsProps {
  /** Whose they are. */
  readonly port: ExplainedPort;
  /** How many are drawn. */
  readonly most: number;
}

/** Why a service port has no endpoint. */
function NoEndpoint({ port: { id, slicesPassedOver } }: { readonly port: ExplainedPort }) {
  const [, namespace = "", service = ""] = /^([^/]*)\/([^:]*)/.exec(id) ?? [];
  return (
    <>
      <p class="bad">There is no endpoint.</p>
      {slicesPassedOver.length > 0 ? "" : (
        <p>
          No EndpointSlice that weir knows of has one for this port. See whether the Service selects
          pods and they have this port:{" "}
          <code>
            kubectl get endpointslices -n {shown(namespace, 80)} -l kubernetes.io/service-name=
            {shown(service, 260)}
          </code>
        </p>
      )}
      {slicesPassedOver.map(({ slice, reason }) => (
        <p>
          <code>{shown(slice, 260)}</code>: {shown(reason)}
        </p>
      ))}
    </>
  );
}

/**
 * Draws the endpoints of a service port.
 *
 * @param props The service port.
 * @returns A table, or why there is none.
 */
export function Endpoints({ port, most }: EndpointsProps) {
  const { endpoints, endpointsMore, addresses } = port;
  if (endpoints.length === 0) return <NoEndpoint port={port} />;
  // Which sets matter: those that an address of the port leads to.
  const wanted = (["cluster", "local"] as const).filter((set) =>
    addresses.some(({ verdict }) => verdict === set)
  );
  const sets = wanted.length === 0 ? ["cluster"] as const : wanted;
  const sizes = port.endpointsServing ?? {
    cluster: endpoints.filter(({ cluster }) => cluster.serves).length,
    local: endpoints.filter(({ local }) => local.serves).length,
  };
  const drawn = drawnOf(endpoints, most);
  const hidden = endpointsMore + endpoints.length - drawn.length;
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
      {drawn.map((endpoint) => (
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
