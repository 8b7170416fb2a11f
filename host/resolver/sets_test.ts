import assert from "node:assert/strict";
import type { SliceEndpoint } from "../../schemas/kube.ts";
import { sampleEndpoint } from "../samples.ts";
import { type Candidate, chooseEndpoints, type SetsUsed } from "./sets.ts";

const HERE = { name: "here", zone: "a", addresses: [] };
const DRAINING = { ready: false, serving: true, terminating: true };
const GONE = { ready: false, serving: false, terminating: true };
const UNREADY = { ready: false, serving: false, terminating: false };

function candidates(...endpoints: Partial<SliceEndpoint>[]): Candidate[] {
  return endpoints.map((fields, index) => {
    const ip = `10.0.0.${index}`;
    return { ip, port: 80, endpoint: sampleEndpoint(ip, fields) };
  });
}

/** For each endpoint "C" if it is in the cluster set, "L" if in the local set, "." if in none. */
function picture(
  endpoints: readonly Partial<SliceEndpoint>[],
  uses: SetsUsed = { cluster: true, local: true },
  node = HERE,
): string {
  const all = candidates(...endpoints);
  const sets = chooseEndpoints(all, uses, node);
  return all.map(({ ip }) => {
    const view = sets.endpoints.find((endpoint) => endpoint.ip === ip);
    return `${view?.inCluster ? "C" : ""}${view?.inLocal ? "L" : ""}` || ".";
  }).join(" ");
}

const local = { nodeName: "here" };
const zones = (...hintZones: string[]) => ({ hintZones });
const nodes = (...hintNodes: string[]) => ({ hintNodes });

Deno.test("an endpoint of a node that nobody names may be here, and reach itself", () => {
  const endpoints = candidates({ nodeName: "" }, { nodeName: "elsewhere" }, local);
  const uses = { cluster: true, local: true };
  const flags = (node: typeof HERE) =>
    chooseEndpoints(endpoints, uses, node).endpoints.map((view) => [view.local, view.inLocal]);
  assert.deepEqual(flags(HERE), [[true, false], [false, false], [true, true]]);
  assert.deepEqual(flags({ name: "", zone: "", addresses: [] }), [[true, false], [false, false], [
    false,
    false,
  ]]);
});

const cases: readonly [sentence: string, endpoints: Partial<SliceEndpoint>[], expected: string][] =
  [
    ["no endpoint makes empty sets", [], ""],
    ["ready endpoints serve, local ones locally too", [{}, local, UNREADY], "C CL ."],
    ["while one is ready, draining ones do not serve", [{}, DRAINING, GONE], "C . ."],
    ["draining ones serve when none is ready", [UNREADY, DRAINING, GONE], ". C ."],
    [
      "the local set falls back by itself",
      [{}, { ...local, ...DRAINING }, { ...local, ...GONE }],
      "C L .",
    ],
    [
      "both sets fall back together",
      [DRAINING, { ...local, ...DRAINING }, { ...local, ...UNREADY }],
      "C CL .",
    ],
    ["a ready local one keeps draining local ones out", [local, { ...local, ...DRAINING }], "CL ."],
    [
      "ready though terminating (publishNotReadyAddresses) is ready",
      [{ ready: true, serving: false, terminating: true }, DRAINING],
      "C .",
    ],
    ["zone hints keep other zones out", [zones("a"), zones("b"), zones("b", "a")], "C . C"],
    [
      "one endpoint without a hint lets everyone in",
      [zones("a"), zones("b"), zones()],
      "C C C",
    ],
    ["no hint for this zone lets everyone in", [zones("b"), zones("c")], "C C"],
    [
      "hints of endpoints that are not ready do not count",
      [zones("a"), zones("b"), { ...UNREADY, ...zones() }],
      "C . .",
    ],
    [
      "an unready endpoint hinted here does not make the zone count",
      [zones("b"), { ...UNREADY, ...zones("a") }],
      "C .",
    ],
    ["node hints keep other nodes out", [nodes("here"), nodes("elsewhere")], "C ."],
    [
      "node hints go before zone hints",
      [{ ...nodes("here"), ...zones("b") }, { ...nodes("elsewhere"), ...zones("a") }],
      "C .",
    ],
    [
      "zone hints count when no node hint names this node",
      [{ ...nodes("x"), ...zones("a") }, { ...nodes("y"), ...zones("b") }],
      "C .",
    ],
    [
      "zone hints count when one node hint is missing",
      [{ ...nodes("here"), ...zones("b") }, zones("a")],
      ". C",
    ],
    [
      "several endpoints of this node share what PreferSameNode gives it",
      [nodes("here"), nodes("here"), nodes("elsewhere")],
      "C C .",
    ],
    [
      "an endpoint elsewhere may be hinted for this node, and serves it then",
      [{ ...nodes("here"), nodeName: "elsewhere" }, { ...nodes("x"), ...local }],
      "C L",
    ],
    [
      "PreferSameNode falls back to the zone when the node's own endpoint is not ready any more",
      [
        { ...nodes("here"), ...zones("a"), ...UNREADY },
        { ...nodes("x"), ...zones("a") },
        { ...nodes("y"), ...zones("b") },
      ],
      ". C .",
    ],
    [
      "PreferSameNode without zone hints lets everyone in when no hint names this node",
      [nodes("x"), nodes("y")],
      "C C",
    ],
    [
      "a hint for several nodes is one for each",
      [nodes("x", "here"), nodes("x")],
      "C .",
    ],
    [
      "node hints of a draining endpoint do not make the node count",
      [nodes("x"), { ...nodes("here"), ...DRAINING }],
      "C .",
    ],
    ["topology is ignored when draining", [
      { ...DRAINING, ...zones("a") },
      { ...DRAINING, ...zones("b") },
    ], "C C"],
    [
      "topology does not narrow the local set",
      [{ ...local, ...zones("b") }, zones("a")],
      "L C",
    ],
  ];

for (const [sentence, endpoints, expected] of cases) {
  Deno.test(`Of the endpoints of a Service, ${sentence}`, () => {
    assert.equal(picture(endpoints), expected);
  });
}

Deno.test("A set that no traffic policy uses stays empty", () => {
  const endpoints = [{}, local, { ...local, ...DRAINING }];
  assert.equal(picture(endpoints, { cluster: true, local: false }), "C C .");
  assert.equal(picture(endpoints, { cluster: false, local: true }), ". L .");
});

Deno.test("A node without a zone label ignores zone hints, and one without a name has no local endpoint", () => {
  assert.equal(
    picture([zones("a"), zones("b")], undefined, { name: "here", zone: "", addresses: [] }),
    "C C",
  );
  assert.equal(
    picture([{ nodeName: "" }, { nodeName: "" }], undefined, { name: "", zone: "", addresses: [] }),
    "C C",
  );
});

Deno.test("Endpoints elsewhere are known of even when only the local set is used", () => {
  const uses = { cluster: false, local: true };
  const known = (...endpoints: Partial<SliceEndpoint>[]) => {
    const { hasAny, hasLocal } = chooseEndpoints(candidates(...endpoints), uses, HERE);
    return { hasAny, hasLocal };
  };
  assert.deepEqual(known({}), { hasAny: true, hasLocal: false });
  assert.deepEqual(known(DRAINING), { hasAny: true, hasLocal: false });
  assert.deepEqual(known(UNREADY, GONE), { hasAny: false, hasLocal: false });
  assert.deepEqual(known({ ...local, ...DRAINING }), { hasAny: true, hasLocal: true });
  assert.deepEqual(known({ ...local, ...GONE }, {}), { hasAny: true, hasLocal: false });
});
