/**
 * The subcommands that look inside, as data.
 *
 * @module
 */
import { type CommandSpec, OUTPUT, SERVER } from "./command.ts";

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
