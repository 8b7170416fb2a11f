/**
 * The subcommands that look inside, as data.
 *
 * @module
 */
import { type CommandSpec, OUTPUT, SERVER } from "./command_spec.ts";

/** `weir explain`. */
export const EXPLAIN: CommandSpec = {
  name: "explain",
  summary: "Say why a Service, an address or a connection is treated as it is",
  words: "<namespace/name[:port] | IP:port>",
  count: [1, 1],
  options: [
    {
      name: "from",
      placeholder: "IP[:port]",
      help: "The client: tell what meets it, and its connections",
    },
    {
      name: "protocol",
      short: "p",
      placeholder: "protocol",
      help: "Only this protocol",
      choices: ["tcp", "udp", "sctp", "TCP", "UDP", "SCTP"],
    },
    { name: "all", placeholder: "", help: "Tell long tables whole" },
    OUTPUT,
    SERVER,
  ],
  examples: [
    ["weir explain default/web", "the Service, in all its ports and families"],
    ["weir explain default/web:http", "one port of it"],
    ["weir explain 10.96.0.10:53 -p udp", "whoever has that address"],
    ["weir explain 10.96.0.1:443 --from 10.244.1.7:40312", "one connection"],
    ["weir explain default/web -o json | jq .summary", "for programs"],
  ],
};

/** `weir diff`. */
export const DIFF: CommandSpec = {
  name: "diff",
  summary: "Say what the next sync, other manifests or another configuration would change",
  words: "[flags of the proxy]",
  count: [0, 0],
  proxyFlags: true,
  options: [
    {
      name: "manifests",
      placeholder: "dir",
      help: "What this folder's Services would change in place of those that are served",
      path: "folder",
    },
    {
      name: "config",
      placeholder: "path",
      help: "What a start with this file, and the flags beside it, would have otherwise",
      path: "file",
    },
    {
      name: "rules",
      placeholder: "",
      help: "Tell the kernel's rules and map elements, beside those that it has now",
    },
    {
      name: "all",
      placeholder: "",
      help: "Tell long lists of rules and elements whole",
      needs: "rules",
    },
    {
      name: "exit-code",
      placeholder: "",
      help: "End with 1 when something differs, with 2 when that cannot be told",
    },
    OUTPUT,
    SERVER,
  ],
  examples: [
    ["weir diff", "what waits for a sync"],
    ["weir diff --manifests=new/", "what these manifests would change"],
    ["weir diff --config=new.yaml --v=2", "what this command line would have otherwise"],
    ["weir diff --rules", "what the next full sync would do to the kernel's rules"],
    ["weir diff --rules --manifests=new/", "what these manifests would"],
    ["weir diff --rules --masquerade-all", "what a start with this flag would"],
  ],
};

/** `weir top`. */
export const TOP: CommandSpec = {
  name: "top",
  summary: "Show Services by connections and rate",
  words: "",
  count: [0, 0],
  options: [
    {
      name: "number",
      short: "n",
      placeholder: "count",
      help: "How many Services",
      byDefault: "20",
      refuse: (value) => /^[1-9]\d*$/.test(value) ? undefined : "it is no whole number from 1 on",
    },
    {
      name: "sort",
      placeholder: "order",
      help: "By connections that are tracked now, or by new connections per second",
      byDefault: "connections",
      choices: ["connections", "rate"],
    },
    { name: "once", placeholder: "", help: "Show it once, as without a terminal" },
    OUTPUT,
    SERVER,
  ],
  examples: [
    ["weir top", "again and again, until Ctrl-C"],
    ["weir top -n 5 --sort rate --once", "the five busiest, once"],
  ],
};

/** `weir check`. */
export const CHECK: CommandSpec = {
  name: "check",
  summary: "Check that this node has what weir needs, before it runs or while it does",
  words: "[flags of the proxy]",
  count: [0, 0],
  proxyFlags: true,
  options: [OUTPUT, SERVER],
  examples: [
    ["weir check --kubeconfig=/etc/kubernetes/weir.conf", "with the flags that weir is to have"],
    ["weir check -o json", "for programs; ends with 1 if something fails"],
  ],
};

/** `weir completion`. */
export const COMPLETION: CommandSpec = {
  name: "completion",
  summary: "Print what a shell needs to complete weir's command line",
  words: "<bash | zsh | fish>",
  count: [1, 1],
  choices: ["bash", "zsh", "fish"],
  options: [],
  examples: [
    ["source <(weir completion bash)", "for this bash; zsh takes the same"],
    ["weir completion fish | source", "for this fish"],
  ],
};

/** All of them. */
export const SPECS: readonly CommandSpec[] = [EXPLAIN, CHECK, DIFF, TOP, COMPLETION];
