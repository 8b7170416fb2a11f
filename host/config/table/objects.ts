/**
 * The flags for where objects come from.
 *
 * @module
 */
import { CONTENT_TYPES } from "../../../schemas/config/kube_proxy.ts";
import { field, type Flag, option } from "../flag.ts";

/** The rows, in the order of the help. */
export const OBJECTS_FLAGS: readonly Flag[] = [
  {
    name: "kubeconfig",
    type: "string",
    placeholder: "path",
    section: "Objects",
    target: field("clientConnection.kubeconfig"),
    help: "Kubeconfig file with the API server's address and credentials. Without it the " +
      "in-cluster credentials are used.",
    since: "1.24",
  },
  {
    name: "master",
    type: "string",
    placeholder: "url",
    section: "Objects",
    target: option("master"),
    help: "URL of the API server; overrides the kubeconfig's.",
    since: "1.24",
  },
  {
    name: "manifests",
    type: "string",
    placeholder: "dir",
    section: "Objects",
    target: option("manifests"),
    help: "Folder of YAML or JSON files with Services, EndpointSlices and a Node, watched for " +
      "changes, in place of an API server.",
    since: "weir",
  },
  {
    name: "kube-api-content-type",
    type: "string",
    placeholder: "type",
    section: "Objects",
    target: field("clientConnection.contentType"),
    help: `Wire format asked of the API server: ${CONTENT_TYPES.join(" or ")}.`,
    since: "1.24",
  },
  {
    name: "kube-api-qps",
    type: "float32",
    placeholder: "number",
    section: "Objects",
    target: field("clientConnection.qps"),
    help: "Requests per second to the API server; below 0 there is no limit.",
    since: "1.24",
  },
  {
    name: "kube-api-burst",
    type: "int32",
    placeholder: "count",
    section: "Objects",
    target: field("clientConnection.burst"),
    help: "Requests to the API server that may be made at once before --kube-api-qps limits.",
    since: "1.24",
  },
  {
    name: "config-sync-period",
    type: "duration",
    placeholder: "duration",
    section: "Objects",
    target: field("configSyncPeriod"),
    help: "How often everything that the API server has told is looked at anew.",
    since: "1.24",
  },
];
