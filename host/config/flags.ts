/**
 * The flags of the command line: one row adds a flag to the parser, the configuration, the help
 * and the docs. Names, types and defaults are kube-proxy's. The rows are in table/.
 *
 * @module
 */
import * as v from "valibot";
import { formatDuration } from "../../schemas/config/duration.ts";
import { KubeProxySchema } from "../../schemas/config/kube_proxy.ts";
import { OptionsSchema } from "../../schemas/config/options.ts";
import { WeirSchema } from "../../schemas/config/weir.ts";
import type { Flag } from "./flag.ts";
import type { ConfigRoot } from "./root.ts";
import { CONFIGURATION_FLAGS } from "./table/configuration.ts";
import { CONNTRACK_FLAGS } from "./table/conntrack.ts";
import { DATA_PLANE_FLAGS } from "./table/data_plane.ts";
import { LOGGING_FLAGS } from "./table/logging.ts";
import { NODE_FLAGS } from "./table/node.ts";
import { OBJECTS_FLAGS } from "./table/objects.ts";
import { OTHER_FLAGS } from "./table/other.ts";
import { OTHER_MODES_FLAGS } from "./table/other_modes.ts";
import { SERVING_FLAGS } from "./table/serving.ts";

/** Every flag of the proxy, in the order of the help within a section. */
export const FLAGS: readonly Flag[] = [
  ...CONFIGURATION_FLAGS,
  ...OBJECTS_FLAGS,
  ...NODE_FLAGS,
  ...DATA_PLANE_FLAGS,
  ...CONNTRACK_FLAGS,
  ...OTHER_MODES_FLAGS,
  ...SERVING_FLAGS,
  ...LOGGING_FLAGS,
  ...OTHER_FLAGS,
];

/** Where in the input a flag's value goes. */
export interface FlagPlace {
  readonly root: ConfigRoot;
  /** The first is the flag's own, by which it is told of. */
  readonly paths: readonly (readonly string[])[];
}

/**
 * Where in the input a flag's value goes.
 *
 * @param flag A row.
 * @returns The place, or undefined for an action.
 */
export function flagPlace({ target }: Flag): FlagPlace | undefined {
  switch (target.kind) {
    case "field":
      return { root: "kubeProxy", paths: [target.path, ...target.also].map((p) => p.split(".")) };
    case "weir":
      return { root: "weir", paths: [target.path.split(".")] };
    case "option":
      return { root: "options", paths: [target.path.split(".")] };
    case "action":
      return undefined;
  }
}

/** What each part of the input comes to when nothing is said. */
const DEFAULTS = {
  kubeProxy: v.parse(KubeProxySchema, {}),
  weir: v.parse(WeirSchema, {}),
  options: v.parse(OptionsSchema, {}),
};

/**
 * The default of a flag as one would write it, which is that of the field it sets.
 *
 * @param flag A row.
 * @returns Its text; "" for what need not be shown: an empty text or list, and false.
 * @throws {Error} When the row's path names no field, a fault of the table that a test rules out.
 */
export function flagDefault(flag: Flag): string {
  const place = flagPlace(flag);
  if (place === undefined) return "";
  let value: unknown = DEFAULTS[place.root];
  for (const key of place.paths[0] ?? []) {
    value = typeof value === "object" && value !== null
      ? Object.entries(value).find(([name]) => name === key)?.[1]
      : undefined;
  }
  if (flag.byDefault !== undefined) return flag.byDefault;
  if (typeof value === "bigint") return formatDuration(value);
  if (typeof value === "string" || typeof value === "number") return String(value);
  if (typeof value === "boolean") return value ? "true" : "";
  if (Array.isArray(value)) return value.join(",");
  if (typeof value === "object" && flag.type === "gates") return "";
  throw new Error(`Cannot use flag "${flag.name}": no field is at ${place.paths[0]?.join(".")}`);
}
