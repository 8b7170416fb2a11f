/**
 * Everything that `weir check` looks at.
 *
 * @module
 */
import type { WeirConfig } from "../../schemas/config.ts";
import { messageOf } from "../../schemas/errors.ts";
import { type ApiServerQuestions, checkApiServer, NO_CREDENTIALS } from "./api_server.ts";
import { checkKernel, type KernelQuestions } from "./kernel.ts";
import { checkNeighbours, type NeighbourQuestions } from "./neighbours.ts";
import { checkPlugins, type PluginQuestions } from "./plugins.ts";
import { inUserNamespace } from "../sandbox/jail.ts";
import { failure, good, type TickGroup } from "./tick.ts";

/** What is asked about objects. */
export interface ObjectQuestions {
  readonly config: Pick<WeirConfig, "manifests" | "nodeName">;
  /** Not asked for with a folder of manifests. */
  readonly apiServer: () => {
    readonly questions: Omit<ApiServerQuestions, "nodeName">;
    readonly close: () => Promise<void>;
  };
  /** Why a folder cannot be read, or how many manifests it has. */
  readonly manifests: (directory: string) => Promise<number | string>;
}

/** What is asked of a node. */
export interface CheckQuestions extends ObjectQuestions {
  readonly config: WeirConfig;
  readonly kernel: Omit<KernelQuestions, "mode" | "userNamespaces">;
  readonly neighbours: NeighbourQuestions;
  readonly plugins: Omit<PluginQuestions, "config">;
}

/**
 * Looks at where Services and slices come from.
 *
 * @param questions The configuration, and what is asked of a folder or the API server.
 * @returns The groups.
 */
export async function checkObjects(
  { config, apiServer, manifests }: ObjectQuestions,
): Promise<readonly TickGroup[]> {
  const { manifests: directory, nodeName } = config;
  if (directory !== "") {
    const found = await manifests(directory);
    const tick = typeof found === "number"
      ? good(`${directory} has ${found} manifest files`)
      : failure(
        `${directory} cannot be read: ${found}`,
        "give --manifests a folder that is there and that weir may read: its permissions on disk, " +
          "and Deno's --allow-read",
      );
    return [{ title: "Manifests", ticks: [tick] }];
  }
  try {
    const { questions, close } = apiServer();
    try {
      return await checkApiServer({ ...questions, nodeName });
    } finally {
      await close();
    }
  } catch (thrown) {
    const ticks = [failure(
      `there are no credentials for the API server: ${messageOf(thrown)}`,
      NO_CREDENTIALS,
    )];
    return [{ title: "API server", ticks }];
  }
}

/**
 * Checks a node.
 *
 * @param questions What is asked of it.
 * @returns The groups, in the order in which a start would fail.
 */
export async function checkNode(questions: CheckQuestions): Promise<readonly TickGroup[]> {
  const { config, kernel, neighbours, plugins } = questions;
  // That there is no sandbox at all is told with the plugins.
  const userNamespaces = () => plugins.jail().then(inUserNamespace, () => false);
  return [
    ...await checkKernel({ ...kernel, mode: config.mode, userNamespaces }),
    ...await checkNeighbours(neighbours),
    ...await checkPlugins({ ...plugins, config }),
    ...await checkObjects(questions),
  ];
}
