/**
 * The whole of weir on a folder of manifests, in the namespace of who looks at it.
 *
 * @module
 */
import { NetworkNamespace } from "../../host/capabilities/namespace.ts";
import type { KubeObject } from "../../schemas/kube.ts";
import { ManifestFolder } from "../kernel/manifest_folder.ts";
import { WeirProcess } from "../kernel/weir_process.ts";
import { NODE, SHOP } from "./shop.ts";

/** The page's address. */
export const PAGE = "http://localhost:10249";

/** A weir to look at. */
export interface ShownWeir extends AsyncDisposable {
  readonly process: WeirProcess;
  /**
   * Makes these objects the cluster's, besides the Node and the shop.
   *
   * @param objects The others.
   */
  write(objects: readonly KubeObject[]): Promise<void>;
}

/**
 * Starts it with the shop.
 *
 * @param flags More flags for weir.
 * @returns weir, with the shop in the kernel.
 */
export async function showWeir(flags: readonly string[] = []): Promise<ShownWeir> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await ManifestFolder.create());
  await folder.write("shop.json", [NODE, ...SHOP]);
  const process = stack.use(
    new WeirProcess(stack.use(NetworkNamespace.own()), {
      flags: [`--manifests=${folder.path}`, ...flags],
    }),
  );
  await process.until("the first sync", async () => {
    const { traces } = await (await fetch(`${PAGE}/debug/traces`)).json();
    return traces.length > 0;
  });
  const running = stack.move();
  return {
    process,
    write: (objects) => folder.write("others.json", objects),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
