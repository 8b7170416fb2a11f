/**
 * A fault of a configuration, found in its file.
 *
 * @module
 */
import { KUBE_PROXY_DOCUMENT } from "../../../schemas/config/kube_proxy.ts";
import { WEIR_DOCUMENT } from "../../../schemas/config/weir.ts";
import { type ConfigProblem, quoteValue } from "../problem.ts";
import type { ConfigFault } from "../validate.ts";
import type { ConfigFile } from "./file.ts";
import { valueAt } from "./located.ts";

/**
 * Says where in a file a fault is.
 *
 * @param file The file.
 * @param fault A fault of one of its documents.
 * @returns The problem, at the field, or at what the field would be in when it is not there.
 */
export function faultProblem(
  file: ConfigFile,
  { root, path, message }: Pick<ConfigFault, "root" | "path" | "message">,
): ConfigProblem {
  const document = root === "weir" ? "weir" : "kubeProxy";
  return {
    severity: "error",
    file: file.path,
    kind: document === "weir" ? WEIR_DOCUMENT.kind : KUBE_PROXY_DOCUMENT.kind,
    path,
    value: path.length === 0 ? "" : quoteValue(valueAt(file.inputs[document], path)),
    message,
    ...file.positions[document].find(path),
  };
}
