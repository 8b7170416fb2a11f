/**
 * A program of its own, for a namespace without a network: loads the plugin at its first argument
 * with the cache at its second and Deno's folder at its third, and says what came of it.
 *
 * @module
 */
import { loadPlugin } from "../../host/sandbox/code.ts";

const [plugin = "", cache = "", denoDir = ""] = Deno.args;
Deno.env.set("DENO_DIR", denoDir);
const fetched: string[] = [];
try {
  const { text, map } = await loadPlugin(plugin, {
    deno: Deno.execPath(),
    home: new URL("../../", import.meta.url),
    cache: new URL(`file://${cache}/`),
    base: new URL("file:///"),
    fetch,
    fetching: (packages) => fetched.push(...packages),
  });
  console.log(`${text.length} bytes, ${map === undefined ? "unmapped" : "mapped"}`);
} catch (thrown) {
  console.log(String(thrown));
}
console.log(`asked npm for ${fetched.join(", ") || "nothing"}`);
