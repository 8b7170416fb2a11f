/**
 * What of a command line counts beside a configuration file, as in kube-proxy.
 *
 * @module
 */
import { type CommandLine, overlaid, type Tree } from "./command_line.ts";
import type { ConfigFile } from "./file/file.ts";
import type { Flag } from "./flag.ts";
import type { ConfigInputs } from "./root.ts";

/** The deprecated ports, which upstream reads when there is no file. */
const WITHOUT_FILE: readonly string[] = ["healthz-port", "metrics-port"];

/**
 * Whether a flag counts although there is a file: the node's name and the log's flags do, and what
 * no KubeProxyConfiguration has.
 *
 * @param flag A row.
 * @returns True when it counts.
 */
export function countsBesideFile({ name, target }: Flag): boolean {
  if (target.kind !== "field") return !WITHOUT_FILE.includes(name);
  return target.path === "hostnameOverride" || target.path.startsWith("logging.");
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

/**
 * Puts what counts of a command line over a file.
 *
 * @param file The file.
 * @param commandLine The command line.
 * @returns The input of the configuration.
 */
export function filePrecedence(file: ConfigFile, { inputs, given }: CommandLine): ConfigInputs {
  const above: Tree = {};
  const { hostnameOverride, logging } = inputs.kubeProxy;
  // As upstream: an empty name overrides nothing.
  if (typeof hostnameOverride === "string" && hostnameOverride !== "") {
    above["hostnameOverride"] = hostnameOverride;
  }
  if (logging !== undefined) above["logging"] = logging;
  const kubeProxy = overlaid(file.inputs.kubeProxy, above);
  return {
    kubeProxy: given.has("vmodule") ? withModulesOf(file.inputs.kubeProxy, kubeProxy) : kubeProxy,
    weir: overlaid(file.inputs.weir, inputs.weir),
    options: Object.fromEntries(
      Object.entries(inputs.options).filter(([key]) =>
        key !== "healthzPort" && key !== "metricsPort"
      ),
    ),
  };
}

/** The file's modules come behind the command line's, of which the first that fits counts. */
function withModulesOf(file: unknown, kubeProxy: unknown): unknown {
  const modules = (document: unknown) => {
    const logging = isObject(document) ? document["logging"] : undefined;
    const modules = isObject(logging) ? logging["vmodule"] : undefined;
    return isList(modules) ? modules : [];
  };
  if (!isObject(kubeProxy) || !isObject(kubeProxy["logging"])) return kubeProxy;
  const vmodule = [...modules(kubeProxy), ...modules(file)];
  return { ...kubeProxy, logging: { ...kubeProxy["logging"], vmodule } };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !isList(value);
}
