/**
 * What is kept of sources that hear nothing.
 */
import assert from "node:assert/strict";
import { Silences } from "./silence.ts";

const SERVICES = { plural: "services", since: 2_000, reason: "401 Unauthorized", remedy: "look" };

Deno.test("the silence that has lasted longest is told, until it is over", () => {
  const silences = new Silences();
  const [services, nodes] = [{}, {}];
  const told = () => silences.longest?.plural;
  assert.equal(told(), undefined);
  silences.keep(services, SERVICES);
  silences.keep(nodes, { ...SERVICES, plural: "nodes", since: 1_000 });
  assert.equal(told(), "nodes");
  silences.keep(nodes, undefined);
  assert.equal(told(), "services");
  silences.keep(services, undefined);
  assert.equal(told(), undefined);
});
