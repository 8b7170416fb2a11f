/**
 * A host to be killed: runs the plugin of handlers.ts with the attack given as its argument, says
 * the sandbox's process id on stdout, calls resync, and stays.
 *
 * @module
 */
import { hostileCode, runHostile } from "./sandbox.ts";

const [attack = ""] = Deno.args;
const hostile = await runHostile(await hostileCode("handlers.ts"), { attack });
await hostile.ready;
const state = hostile.plugin.state();
if (state.type !== "ready") throw new Error(`Cannot run host: its plugin is ${state.type}`);
const settings = {
  families: ["IPv4", "IPv6"] as const,
  masqueradeAll: false,
  masqueradeBit: 14,
  localMatches: [],
  nodePorts: { type: "listed" as const, addresses: [] },
  serviceCIDRs: [],
};
const resync = hostile.plugin.call("resync", { revision: 1, settings, ports: [] });
console.log(state.pid);
await resync;
await new Promise(() => setInterval(() => {}, 1000));
