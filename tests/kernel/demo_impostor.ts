/**
 * Runs the demo with an impostor in weir's place.
 *
 *     deno run … demo_impostor.ts idle    it says that it has synced and steers nothing
 *     deno run … demo_impostor.ts dead    it ends at once
 *
 * @module
 */
import { demoEffects, runDemo } from "../../host/demo/demo.ts";

const IMPOSTORS = {
  idle: `
    for (const port of [10256, 10249]) {
      const page = () => Response.json({ status: { IPv4: { healthy: true } } });
      Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, page);
    }`,
  dead: 'console.error("I have no nftables"); Deno.exit(7);',
} as const;

const kind = Deno.args[0] === "idle" ? "idle" : "dead";
const encoder = new TextEncoder();
const home = new URL("../../", import.meta.url);
const effects = demoEffects({
  stdout: (text) => void Deno.stdout.writeSync(encoder.encode(text)),
  stderr: (text) => void Deno.stderr.writeSync(encoder.encode(text)),
  terminal: { stdout: false, stderr: false },
  env: () => undefined,
  hostname: () => "demo",
  readText: () => Promise.reject(new Error("the demo reads no files")),
  writeText: () => Promise.reject(new Error("the demo writes no files")),
}, { home, cache: new URL(".weir/plugins/", home), permissions: [] });

const weir = [Deno.execPath(), "eval", "--quiet", IMPOSTORS[kind]];
Deno.exit(await runDemo(["--once"], { ...effects, weir, prepare: () => Promise.resolve() }));
