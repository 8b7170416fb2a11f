/**
 * A configuration as a file has it: kube-proxy's document with every field and its default, and
 * weir's own where it says anything.
 *
 * @module
 */
import { formatDuration } from "../../schemas/config/duration.ts";
import { KUBE_PROXY_DOCUMENT, type KubeProxyDocument } from "../../schemas/config/kube_proxy.ts";
import { WEIR_DOCUMENT, type WeirDocument, WeirSchema } from "../../schemas/config/weir.ts";
import * as v from "valibot";
import { parseBindAddress } from "../../schemas/bind_address.ts";
import { ipFamily } from "../../schemas/ip.ts";
import type { WrittenDocument } from "../../schemas/config.ts";
import type { Documents } from "./complete.ts";

/** What YAML and JSON have. */
type Plain =
  | string
  | number
  | boolean
  | null
  | readonly Plain[]
  | { readonly [key: string]: Plain };

/** The pause that kube-proxy has by default, where weir's adapts. */
const DEFAULT_PAUSE = 1_000_000_000n;

/** Durations become text; what is undefined is left out. */
function plain(value: unknown): Plain {
  if (typeof value === "bigint") return formatDuration(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
    return Object.fromEntries(entries.map(([key, inner]) => [key, plain(inner)]));
  }
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return value;
  }
  return null;
}

function written(fields: Readonly<Record<string, unknown>>): WrittenDocument {
  const value = plain(fields);
  return isMap(value) ? value : {};
}

function listen(address: string | undefined, fallback: string, port: number): string {
  if (address === undefined) return fallback;
  const bind = address === "" ? "" : parseBindAddress(address, port);
  if (typeof bind === "string") return "";
  // As AppendPortIfNeeded: what has a port stays as it was written.
  const bare = parseBindAddress(address, port === 1 ? 2 : 1);
  const hasPort = typeof bare !== "string" && bare.port === bind.port;
  if (hasPort) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function output({ splitStream, infoBufferSize }: KubeProxyDocument["logging"]["options"]["text"]) {
  return splitStream ? { splitStream, infoBufferSize } : { infoBufferSize };
}

/**
 * Makes kube-proxy's document, with the field set and the defaults of upstream's own.
 *
 * @param document Its fields.
 * @returns Plain data.
 */
export function kubeProxyDocument(document: KubeProxyDocument): WrittenDocument {
  const { featureGates, logging, windowsRunAsService, ...rest } = document;
  const v6 = ipFamily(document.bindAddress) === "IPv6";
  const { vmodule, options, ...log } = logging;
  return written({
    ...KUBE_PROXY_DOCUMENT,
    ...rest,
    ...(Object.keys(featureGates).length === 0 ? {} : { featureGates }),
    logging: {
      ...log,
      ...(vmodule.length === 0 ? {} : { vmodule }),
      options: { text: output(options.text), json: output(options.json) },
    },
    healthzBindAddress: listen(
      document.healthzBindAddress,
      v6 ? "[::]:10256" : "0.0.0.0:10256",
      10256,
    ),
    metricsBindAddress: listen(
      document.metricsBindAddress,
      v6 ? "[::1]:10249" : "127.0.0.1:10249",
      10249,
    ),
    iptables: { ...document.iptables, minSyncPeriod: pause(document.iptables) },
    nftables: { ...document.nftables, minSyncPeriod: pause(document.nftables) },
    ipvs: { ...document.ipvs, excludeCIDRs: document.ipvs.excludeCIDRs ?? null },
    nodePortAddresses: document.nodePortAddresses ?? null,
    ...(windowsRunAsService ? { windowsRunAsService } : {}),
  });
}

function pause({ minSyncPeriod }: { readonly minSyncPeriod?: bigint | undefined }): bigint {
  // As upstream's defaults, which take 0 for unset.
  return minSyncPeriod === undefined || minSyncPeriod === 0n ? DEFAULT_PAUSE : minSyncPeriod;
}

/** What differs from the defaults, or undefined when nothing does. */
function beyond(value: Plain, byDefault: Plain | undefined): Plain | undefined {
  if (isMap(value) && isMap(byDefault)) {
    const entries = Object.entries(value).flatMap(([key, inner]) => {
      const more = beyond(inner, byDefault[key]);
      return more === undefined ? [] : [[key, more] as const];
    });
    return entries.length === 0 ? undefined : Object.fromEntries(entries);
  }
  return JSON.stringify(value) === JSON.stringify(byDefault) ? undefined : value;
}

function isMap(value: Plain | undefined): value is { readonly [key: string]: Plain } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Makes weir's own document.
 *
 * @param document Its fields.
 * @returns Plain data.
 */
export function weirDocument(document: WeirDocument): WrittenDocument {
  return written({ ...WEIR_DOCUMENT, ...document });
}

/** What of weir's document differs from its defaults, or undefined when nothing does. */
function weirBeyondDefaults(document: WeirDocument): Plain | undefined {
  const more = beyond(plain(document), plain(v.parse(WeirSchema, {})));
  return more === undefined || !isMap(more) ? undefined : { ...WEIR_DOCUMENT, ...more };
}

/**
 * Writes a configuration as YAML, its fields in the order of the alphabet, as upstream's are.
 *
 * @param documents The configuration.
 * @returns One or two documents; ends in a line feed.
 */
export async function writeConfig({ kubeProxy, weir }: Documents): Promise<string> {
  // The printer of YAML takes 3 MB, which a proxy that runs does not need.
  const { stringify } = await import("yaml");
  const own = weirBeyondDefaults(weir);
  return [kubeProxyDocument(kubeProxy), ...(own === undefined ? [] : [own])]
    // Of 1.1, so that a text such as "yes" gets its quotes.
    .map((value) => stringify(value, { version: "1.1", sortMapEntries: true, lineWidth: 0 }))
    .join("---\n");
}
