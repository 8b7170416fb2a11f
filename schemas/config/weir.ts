/**
 * The document `WeirConfiguration`, `weir.dev/v1alpha1`: what only weir has. It may stand in the
 * same file as a `KubeProxyConfiguration`.
 *
 * @module
 */
import * as v from "valibot";
import { referenceFault } from "../proxy_mode.ts";
import { SYSCTL_KEYS } from "../sysctl.ts";
import { LIMITS } from "../wire.ts";
import {
  boolean,
  checked,
  field,
  fields,
  found,
  integer,
  list,
  oneOf,
  section,
  text,
  unset,
} from "./field.ts";

/** The document's `apiVersion` and `kind`. */
export const WEIR_DOCUMENT = {
  apiVersion: "weir.dev/v1alpha1",
  kind: "WeirConfiguration",
} as const;

/** What a change of the configuration file does. */
export const CONFIG_RELOADS = ["live", "exit"] as const;

/** The plugins that come with weir; an entry of `plugins` may give them another code or policy. */
export const BUILTIN_PLUGINS = [
  "proxier-nftables",
  "detect-cluster-cidr",
  "detect-node-cidr",
  "detect-bridge-interface",
  "detect-interface-name-prefix",
  "conntrack-tuner",
] as const;

const MIB = 2 ** 20;

/**
 * The limits that may be narrowed or widened, each with the least and the most. Below the least
 * weir's own plugins could not work, above the most a plugin could harm its host.
 */
export const LIMIT_BOUNDS = {
  pluginFrameBytes: [MIB, 512 * MIB, "Bytes of one frame from a plugin."],
  pluginHeaderBytes: [16 * 1024, 4 * MIB, "Bytes of the JSON header of a frame from a plugin."],
  headerBytesPerSecond: [256 * 1024, 64 * MIB, "Bytes of headers a plugin may send per second."],
  headerBytesBurst: [MIB, 256 * MIB, "Bytes of headers it may send at once."],
  bytesPerSecond: [MIB, 1024 * MIB, "Bytes a plugin may send per second."],
  bytesBurst: [MIB, 4096 * MIB, "Bytes it may send at once."],
  framesPerSecond: [100, 1_000_000, "Frames a plugin may send per second."],
  framesBurst: [100, 1_000_000, "Frames it may send at once."],
  outstandingInvokes: [1, 1024, "Invocations of capabilities unanswered at once."],
  outstandingBytes: [MIB, 1024 * MIB, "Bytes of their attachments and of unread answers."],
  logLinesPerSecond: [1, 10_000, "Log lines of a plugin per second."],
  logLinesBurst: [1, 100_000, "Log lines of a plugin at once."],
  metricSeries: [0, 10_000, "Different metrics of one plugin."],
  conntrackRestMs: [0, 60_000, "Milliseconds between two reconciliations of conntrack."],
  conntrackRestFactor: [0, 1_000, "And so many times as long as the last one took."],
  stderrBytesPerSecond: [1024, 16 * MIB, "Bytes a plugin may write to stderr per second."],
  stderrBytesBurst: [1024, 64 * MIB, "Bytes it may write to stderr at once."],
  stderrTailBytes: [0, MIB, "Bytes of stderr that are kept for the report of a death."],
  handshakeMs: [100, 600_000, "Milliseconds from the start of a plugin to its welcome."],
  ackMs: [100, 600_000, "Milliseconds without a sign of life while one is owed."],
  busyMs: [100, 600_000, "Milliseconds without a sign of life while a handler runs."],
  heartbeatMs: [100, 3_600_000, "Milliseconds between two heartbeats of an idle plugin."],
  stopMs: [10, 60_000, "Milliseconds a plugin has to end by itself."],
  deaths: [1, 1_000, "Deaths within deathWindowMs after which a plugin is parked."],
  deathWindowMs: [1_000, 86_400_000, "Milliseconds for which a death counts."],
  memoryBytes: [64 * MIB, 65_536 * MIB, "Bytes of memory of a plugin's process."],
  heapMib: [16, 65_536, "MiB of JavaScript objects of a plugin."],
} as const satisfies Partial<
  Record<keyof typeof LIMITS, readonly [least: number, most: number, description: string]>
>;

/** The name of a limit that may be configured. */
export type ConfigurableLimit = keyof typeof LIMIT_BOUNDS;

function limitField(name: ConfigurableLimit) {
  const [least, most, description] = LIMIT_BOUNDS[name];
  return field(integer(least, most), LIMITS[name], description);
}

type LimitEntries = Record<ConfigurableLimit, ReturnType<typeof limitField>>;

// Object.fromEntries forgets the keys' type.
const limitEntries = Object.fromEntries(
  (Object.keys(LIMIT_BOUNDS) as ConfigurableLimit[]).map((name) => [name, limitField(name)]),
) as LimitEntries;

const pluginName = v.pipe(
  text,
  v.regex(
    /^[a-z][a-z0-9-]{0,62}$/,
    "a plugin's name has 1 to 63 of a to z, 0 to 9 and -, and starts with a letter",
  ),
);

const tableName = checked((name) =>
  /^[a-z][a-z0-9-]{0,62}$/.test(name)
    ? undefined
    : "a table's name has 1 to 63 of a to z, 0 to 9 and -, and starts with a letter"
);

const sha256 = v.pipe(
  text,
  v.regex(/^[0-9a-fA-F]{64}$/, "it is no SHA-256 of 64 hexadecimal digits"),
);

const tables = v.union(
  [v.literal("own"), list(tableName)],
  (issue) => `it is ${found(issue.input)}, and it needs own or a list of tables`,
);

const policy = fields({
  nft: unset(
    fields({
      tables: v.pipe(
        tables,
        v.description("own: any one table that is nobody's; or a list of tables."),
      ),
    }),
    "nftables: which tables the plugin may own. Unset allows none.",
  ),
  conntrack: unset(
    fields({
      flows: v.pipe(oneOf(["services"]), v.description("services: stale flows of Services.")),
    }),
    "conntrack: which tracked flows the plugin may have removed. Unset allows none.",
  ),
  sysctl: unset(
    fields({
      keys: v.pipe(
        list(oneOf(SYSCTL_KEYS)),
        v.description("Settings of the kernel by name, as sysctl(8) writes them."),
      ),
    }),
    "sysctl: which settings of the kernel the plugin may read and write. Unset allows none.",
  ),
});

/** `https:` may leave the pin to the field beside it. */
const reference = checked((text) =>
  text.startsWith("https:") && !text.includes("#")
    ? referenceFault(`${text}#sha256=${"0".repeat(64)}`)
    : referenceFault(text)
);

const plugin = fields({
  reference: unset(
    reference,
    "The plugin's code: a path or a URL. A plugin of weir's own has its code from weir.",
  ),
  sha256: unset(
    sha256,
    "The SHA-256 that the plugin's bundled text must have; needed for code from the network.",
  ),
  policy: unset(
    policy,
    "What the plugin may do, in place of what its kind may do: each capability that is not named " +
      "is not allowed.",
  ),
});

const plugins = v.pipe(
  v.record(
    pluginName,
    plugin,
    ({ input }) => `it is ${found(input)}, and it needs a map of names to plugins`,
  ),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    for (const [name, value] of Object.entries(dataset.value)) {
      const message = pluginFault(name, value);
      if (message === undefined) continue;
      addIssue({
        message,
        path: [{ type: "object", origin: "value", input: dataset.value, key: name, value }],
      });
    }
  }),
);

function pluginFault(
  name: string,
  { reference, sha256 }: { reference?: string | undefined; sha256?: string | undefined },
): string | undefined {
  if (reference === undefined) {
    return BUILTIN_PLUGINS.some((builtin) => builtin === name)
      ? undefined
      : "it has no reference, and weir has no plugin of its own of this name";
  }
  if (reference.includes("#") && sha256 !== undefined) {
    return "its SHA-256 is given twice: behind the reference's # and as sha256";
  }
  return reference.startsWith("https:") && !reference.includes("#") && sha256 === undefined
    ? "its code comes from the network, which needs sha256"
    : undefined;
}

/** Where a collector takes OTLP. */
const collectorUrl = checked((text) => {
  const protocol = text === "" ? "http:" : URL.parse(text)?.protocol;
  return protocol === "http:" || protocol === "https:"
    ? undefined
    : `it is "${text}", and it needs a URL with http or https, as http://localhost:4318`;
});

/** Series that Prometheus can take from one target, with three for each Service. */
const MOST_COUNTED_SERVICES = 20_000;

/** The schema of the document without `apiVersion` and `kind`. */
export const WeirSchema = fields({
  plugins: field(
    plugins,
    {},
    "Plugins by name: third parties', which mode may name, and settings for weir's own.",
  ),
  limits: section(limitEntries, "Limits of plugins, each within bounds."),
  proxyModeFallback: field(
    boolean,
    false,
    "Let nftables serve in place of a mode that weir does not have.",
  ),
  configReload: field(
    oneOf(CONFIG_RELOADS),
    "live",
    "What a change of the configuration file does: it is applied, or weir ends as kube-proxy does.",
  ),
  telemetry: section({
    perServiceMetrics: field(
      integer(0, MOST_COUNTED_SERVICES),
      0,
      "Most Services whose connections, packets and bytes are told by name; 0 counts nothing.",
    ),
    tracesEndpoint: field(
      collectorUrl,
      "",
      "The collector that is sent traces over OTLP; OTEL_EXPORTER_OTLP_ENDPOINT wins.",
    ),
  }, "What weir tells of itself."),
  conntrack: section({
    removeTCPFlows: field(
      boolean,
      false,
      "Forget tracked TCP flows too whose endpoint is gone, as is always done for UDP.",
    ),
  }, "Connection tracking."),
});

/** What goes into the document: every field may be left out or null. */
export type WeirInput = v.InferInput<typeof WeirSchema>;

/** The document with its defaults. */
export type WeirDocument = v.InferOutput<typeof WeirSchema>;
