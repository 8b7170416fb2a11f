/**
 * From the documents and options to the one configuration: what fields say together, and what
 * hangs on others.
 *
 * @module
 */
import { formatBindAddress, parseBindAddress } from "../../schemas/bind_address.ts";
import type { LogOutput, PluginConfig, ProxierConfig, WeirConfig } from "../../schemas/config.ts";
import { milliseconds } from "../../schemas/config/duration.ts";
import { resolveGates } from "../../schemas/config/gates.ts";
import type { KubeProxyDocument } from "../../schemas/config/kube_proxy.ts";
import type { Options } from "../../schemas/config/options.ts";
import { parseBytes } from "../../schemas/config/quantity.ts";
import type { WeirDocument } from "../../schemas/config/weir.ts";
import { formatIp, ipFamily, parseCidr, parseIp } from "../../schemas/ip.ts";
import { BUILTIN_PROXIERS, parseProxyMode, type RequestedMode } from "../../schemas/proxy_mode.ts";
import { LIMITS } from "../../schemas/wire.ts";
import type { ConfigRoot } from "./root.ts";
import { activeSection, sectionInForce, type SectionName, sectionSources } from "./sections.ts";
import { kubeProxyDocument, weirDocument } from "./write.ts";

/** All that a configuration is made of, each with its own rules already checked. */
export interface Documents {
  readonly kubeProxy: KubeProxyDocument;
  readonly weir: WeirDocument;
  readonly options: Options;
}

/** What is wrong with a field in the light of the others. */
export interface Contradiction {
  readonly root: ConfigRoot;
  readonly path: readonly string[];
  readonly message: string;
  /** Dotted paths of other fields that it would not be wrong without. */
  readonly because: readonly string[];
  /** The mode is one that weir has not: no fault of who only asks for a file or a clean-up. */
  readonly unservable?: true;
}

function canonicalIp(text: string): string {
  const ip = parseIp(text);
  return ip === undefined ? text : formatIp(ip);
}

function canonicalCidr(text: string): string {
  const cidr = parseCidr(text);
  return cidr === undefined ? text : `${formatIp(cidr.network)}/${cidr.prefix}`;
}

function listen(text: string, port: number): string {
  const bind = text === "" ? "" : parseBindAddress(text, port);
  return typeof bind === "string" ? "" : formatBindAddress(bind);
}

/**
 * Where the servers listen. A deprecated port of 0 disables a server; another is that of an
 * address without a port, and of no address.
 */
function serving(
  { kubeProxy, options }: Documents,
): Pick<WeirConfig, "healthzBindAddress" | "metricsBindAddress"> {
  const v6 = ipFamily(canonicalIp(kubeProxy.bindAddress)) === "IPv6";
  const server = (address: string | undefined, any: string, port: number, old?: number) => {
    if (old === 0) return "";
    const fallback = v6 ? `[${any}]:${old ?? port}` : `${any}:${old ?? port}`;
    return listen(address ?? fallback, old ?? port);
  };
  return {
    healthzBindAddress: server(
      kubeProxy.healthzBindAddress,
      v6 ? "::" : "0.0.0.0",
      10256,
      options.healthzPort,
    ),
    metricsBindAddress: server(
      kubeProxy.metricsBindAddress,
      v6 ? "::1" : "127.0.0.1",
      10249,
      options.metricsPort,
    ),
  };
}

/** The plugins that have code of their own, by name, with the references that mode may name. */
function pluginReferences({ plugins }: WeirDocument): ReadonlyMap<string, string> {
  const references = new Map<string, string>();
  for (const [name, { reference, sha256 }] of Object.entries(plugins)) {
    if (reference === undefined) continue;
    references.set(name, sha256 === undefined ? reference : `${reference}#sha256=${sha256}`);
  }
  return references;
}

function pluginConfigs(document: WeirDocument): Readonly<Record<string, PluginConfig>> {
  const references = pluginReferences(document);
  return Object.fromEntries(
    Object.entries(document.plugins).map(([name, { sha256, policy }]) => [name, {
      reference: references.get(name) ?? "",
      sha256: references.has(name) ? "" : sha256 ?? "",
      policy: policy === undefined ? undefined : {
        ...(policy.nft === undefined ? {} : { nft: policy.nft }),
        ...(policy.conntrack === undefined ? {} : { conntrack: policy.conntrack }),
        ...(policy.sysctl === undefined ? {} : { sysctl: policy.sysctl }),
      },
    }]),
  );
}

function logOutput(output: { readonly splitStream: boolean; readonly infoBufferSize: string }) {
  const bytes = parseBytes(output.infoBufferSize);
  const infoBufferSize = typeof bytes === "number" ? bytes : 0;
  return { splitStream: output.splitStream, infoBufferSize } satisfies LogOutput;
}

type TimedSection = { readonly syncPeriod: bigint; readonly minSyncPeriod?: bigint | undefined };

function section(
  section: TimedSection & { readonly masqueradeAll: boolean; readonly masqueradeBit: number },
): ProxierConfig {
  const { masqueradeAll, masqueradeBit } = section;
  return { masqueradeAll, masqueradeBit, ...periods(section) };
}

/** An unset pause adapts, and so does 0, which upstream replaces by its default. */
function periods({ syncPeriod, minSyncPeriod }: TimedSection) {
  return {
    syncPeriod: milliseconds(syncPeriod),
    minSyncPeriod: milliseconds(minSyncPeriod ?? 0n),
  };
}

/** What the fields of a document say against each other. */
function* contradictions(
  { kubeProxy, weir, options }: Documents,
  mode: RequestedMode | string,
): Generator<Contradiction> {
  const fault = (
    path: string,
    message: string,
    because: string[],
    root: ConfigRoot = "kubeProxy",
  ) => ({
    root,
    path: path.split("."),
    message,
    because,
  });
  const { detectLocalMode, detectLocal, clientConnection, logging } = kubeProxy;
  if (detectLocalMode === "BridgeInterface" && detectLocal.bridgeInterface === "") {
    yield fault(
      "detectLocal.bridgeInterface",
      "the local-detector BridgeInterface needs the bridge's name",
      ["detectLocalMode"],
    );
  }
  if (detectLocalMode === "InterfaceNamePrefix" && detectLocal.interfaceNamePrefix === "") {
    yield fault(
      "detectLocal.interfaceNamePrefix",
      "the local-detector InterfaceNamePrefix needs the prefix",
      ["detectLocalMode"],
    );
  }
  if (options.manifests !== "" && (options.master !== "" || clientConnection.kubeconfig !== "")) {
    const other = options.master !== ""
      ? `--master "${options.master}"`
      : `kubeconfig "${clientConnection.kubeconfig}"`;
    yield fault(
      "manifests",
      `objects come from one source, and the API server of ${other} is given too: leave out one`,
      [],
      "options",
    );
  }
  if (logging.format !== "text" && logging.vmodule.length > 0) {
    yield fault(
      "logging.vmodule",
      `it is for the format text, and the format is ${logging.format}`,
      ["logging.format"],
    );
  }
  const { gates } = resolveGates(kubeProxy.featureGates);
  if (gates["LoggingAlphaOptions"] !== true) {
    for (const format of ["text", "json"] as const) {
      const { splitStream, infoBufferSize } = logging.options[format];
      const needs = "it needs the feature gate LoggingAlphaOptions";
      if (splitStream) {
        yield fault(`logging.options.${format}.splitStream`, needs, ["featureGates"]);
      }
      if (parseBytes(infoBufferSize) !== 0) {
        yield fault(`logging.options.${format}.infoBufferSize`, needs, ["featureGates"]);
      }
    }
  }
  if (typeof mode === "string") {
    yield fault("mode", mode, ["plugins"]);
    return;
  }
  const from = sectionSources(kubeProxy, activeSection(mode));
  const inForce = sectionInForce(kubeProxy, from);
  if (inForce.minSyncPeriod > inForce.syncPeriod) {
    const period = `${from.syncPeriod}.syncPeriod`;
    yield fault(`${from.minSyncPeriod}.minSyncPeriod`, `it is longer than ${period}`, [
      period,
      "mode",
    ]);
  }
  if (mode.type === "absent" && !weir.proxyModeFallback) {
    yield {
      ...fault(
        "mode",
        `this version of weir has ${BUILTIN_PROXIERS.join(", ")} or the path of a plugin; ` +
          "use nftables, or let it serve in this mode's place by --proxy-mode-fallback",
        ["proxyModeFallback"],
      ),
      unservable: true,
    };
  }
}

/**
 * Completes a configuration.
 *
 * @param documents What it is made of.
 * @param hostname The system's hostname; asked for only without a hostnameOverride.
 * @returns The configuration, or everything that is wrong with the fields together.
 */
export function completeConfig(
  documents: Documents,
  hostname: () => string,
): WeirConfig | readonly Contradiction[] {
  const { kubeProxy, weir, options } = documents;
  const requested = parseProxyMode(kubeProxy.mode, pluginReferences(weir));
  const faults = [...contradictions(documents, requested)];
  const given = kubeProxy.hostnameOverride;
  const nodeName = (given === "" ? hostname() : given).trim().toLowerCase();
  if (nodeName === "") {
    faults.push({
      root: "kubeProxy",
      path: ["hostnameOverride"],
      message: "the system's hostname is empty too, so that no Node can be found",
      because: [],
    });
  }
  if (faults.length > 0 || typeof requested === "string") return faults;

  const inPlaceOf = requested.type === "absent" ? requested.name : "";
  const iptables = section(kubeProxy.iptables);
  const nftables = section(kubeProxy.nftables);
  const { scheduler, excludeCIDRs = [], strictARP, tcpTimeout, tcpFinTimeout, udpTimeout } =
    kubeProxy.ipvs;
  const active = activeSection(requested);
  const { conntrack, logging, clusterCIDR } = kubeProxy;
  return {
    configFile: options.config,
    configReload: weir.configReload,
    initOnly: options.initOnly,
    manifests: options.manifests,
    master: options.master,
    clientConnection: kubeProxy.clientConnection,
    configSyncPeriod: milliseconds(kubeProxy.configSyncPeriod),
    nodeName,
    bootIdFiles: options.bootIdFiles,
    machineIdFiles: options.machineIdFiles,
    bindAddress: canonicalIp(kubeProxy.bindAddress),
    bindAddressHardFail: kubeProxy.bindAddressHardFail,
    ...serving(documents),
    enableProfiling: kubeProxy.enableProfiling,
    showHiddenMetricsForVersion: kubeProxy.showHiddenMetricsForVersion,
    oomScoreAdj: kubeProxy.oomScoreAdj,
    mode: requested.type === "absent" ? { type: "builtin", name: "nftables" } : requested,
    inPlaceOf,
    modeFallback: weir.proxyModeFallback,
    proxier: sectionInForce(kubeProxy, sectionSources(kubeProxy, active)),
    clusterCIDRs: clusterCIDR === "" ? [] : clusterCIDR.split(",").map(canonicalCidr),
    detectLocalMode: kubeProxy.detectLocalMode === "" ? "ClusterCIDR" : kubeProxy.detectLocalMode,
    detectLocal: kubeProxy.detectLocal,
    nodePortAddresses: nodePortAddresses(kubeProxy, active),
    telemetry: weir.telemetry,
    conntrack: {
      maxPerCore: conntrack.maxPerCore,
      min: conntrack.min,
      tcpEstablishedTimeout: milliseconds(conntrack.tcpEstablishedTimeout),
      tcpCloseWaitTimeout: milliseconds(conntrack.tcpCloseWaitTimeout),
      tcpBeLiberal: conntrack.tcpBeLiberal,
      udpTimeout: milliseconds(conntrack.udpTimeout),
      udpStreamTimeout: milliseconds(conntrack.udpStreamTimeout),
      removeTCPFlows: weir.conntrack.removeTCPFlows,
    },
    iptables: { ...iptables, localhostNodePorts: kubeProxy.iptables.localhostNodePorts },
    ipvs: {
      ...periods(kubeProxy.ipvs),
      scheduler,
      excludeCIDRs,
      strictARP,
      tcpTimeout: milliseconds(tcpTimeout),
      tcpFinTimeout: milliseconds(tcpFinTimeout),
      udpTimeout: milliseconds(udpTimeout),
    },
    nftables,
    winkernel: kubeProxy.winkernel,
    portRange: kubeProxy.portRange,
    udpIdleTimeout: milliseconds(kubeProxy.udpIdleTimeout ?? 250_000_000n),
    windowsRunAsService: kubeProxy.windowsRunAsService,
    logging: {
      format: logging.format,
      flushFrequency: milliseconds(logging.flushFrequency),
      verbosity: logging.verbosity,
      vmodule: logging.vmodule,
      options: {
        text: logOutput(logging.options.text),
        json: logOutput(logging.options.json),
      },
      files: options.logFiles,
    },
    featureGates: resolveGates(kubeProxy.featureGates).gates,
    plugins: pluginConfigs(weir),
    limits: { ...LIMITS, ...weir.limits },
    written: { kubeProxy: kubeProxyDocument(kubeProxy), weir: weirDocument(weir) },
  };
}

/**
 * In mode nftables kube-proxy takes an empty list for "primary" (KEP-3866), in its older modes for
 * all addresses, and in mode iptables for 127.0.0.1 too: whoever serves in their place answers where
 * they did.
 */
function nodePortAddresses(
  { nodePortAddresses: entries = [], iptables }: KubeProxyDocument,
  active: SectionName,
): readonly string[] {
  if (entries.length > 0) return entries.map(canonicalCidr);
  if (active === "nftables") return ["primary"];
  // Of IPv6 it never did.
  return active === "iptables" && iptables.localhostNodePorts ? ["all", "127.0.0.0/8"] : ["all"];
}
