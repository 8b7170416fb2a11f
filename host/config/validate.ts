/**
 * Checks the input of a configuration against its schemas, all of it at once.
 *
 * @module
 */
import * as v from "valibot";
import type { WeirConfig } from "../../schemas/config.ts";
import { KubeProxySchema } from "../../schemas/config/kube_proxy.ts";
import { OptionsSchema } from "../../schemas/config/options.ts";
import { WeirSchema } from "../../schemas/config/weir.ts";
import { completeConfig, type Contradiction, type Documents } from "./complete.ts";
import type { ConfigInputs, ConfigRoot } from "./root.ts";

/** One thing that is wrong with the input. */
export type ConfigFault = Contradiction;

/** What an input comes to. */
export type ValidatedConfig =
  | { readonly type: "valid"; readonly config: WeirConfig; readonly documents: Documents }
  | {
    readonly type: "faulty";
    /** At least one. */
    readonly faults: readonly ConfigFault[];
    /** There when each field is right by itself, and only some together are not. */
    readonly documents: Documents | undefined;
  };

/** Freezes a configuration to the bottom. */
function frozen<Value>(value: Value): Value {
  if (typeof value === "object" && value !== null) Object.values(value).forEach(frozen);
  return Object.freeze(value);
}

/** A copy without what is at a path. */
function without(value: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined || typeof value !== "object" || value === null) return undefined;
  // Without one of its entries a list would say something else.
  if (Array.isArray(value)) return undefined;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) => {
      if (name !== key) return [[name, inner]];
      const left = without(inner, rest);
      return left === undefined ? [] : [[name, left]];
    }),
  );
}

/**
 * What a schema says of its part of the input. What is wrong is then left out, so that all that is
 * wrong with fields together is told at once with what is wrong with fields alone.
 */
function check<Schema extends v.GenericSchema>(
  schema: Schema,
  root: ConfigRoot,
  inputs: ConfigInputs,
  faults: ConfigFault[],
): v.InferOutput<Schema> | undefined {
  const result = v.safeParse(schema, inputs[root]);
  if (result.success) return result.output;
  let rest: unknown = inputs[root];
  for (const { path, message } of result.issues) {
    const keys = path?.map(({ key }) => String(key)) ?? [];
    faults.push({ root, path: keys, message, because: [] });
    rest = without(rest, keys);
  }
  const again = v.safeParse(schema, rest ?? {});
  return again.success ? again.output : undefined;
}
/**
 * Checks an input and makes the configuration of it.
 *
 * @param inputs Its parts; unknown fields must have been taken out.
 * @param hostname The system's hostname; asked for only without a hostnameOverride.
 * @returns The configuration, or every fault.
 */
export function validateConfig(inputs: ConfigInputs, hostname: () => string): ValidatedConfig {
  const faults: ConfigFault[] = [];
  const kubeProxy = check(KubeProxySchema, "kubeProxy", inputs, faults);
  const weir = check(WeirSchema, "weir", inputs, faults);
  const options = check(OptionsSchema, "options", inputs, faults);
  if (kubeProxy === undefined || weir === undefined || options === undefined) {
    return { type: "faulty", faults, documents: undefined };
  }
  const documents = frozen({ kubeProxy, weir, options });
  const config = completeConfig(documents, hostname);
  if (faults.length > 0) {
    const wrong = faults.map(({ path }) => path.join("."));
    const more = "mode" in config
      ? []
      : config.filter(({ because }) =>
        !because.some((path) => wrong.some((at) => at.startsWith(path)))
      );
    return { type: "faulty", faults: [...faults, ...more], documents: undefined };
  }
  return "mode" in config
    ? { type: "valid", config: frozen(config), documents }
    : { type: "faulty", faults: config, documents };
}
