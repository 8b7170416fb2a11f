/**
 * What `--proxy-mode` names: a proxier of weir's own, or the source of a third party's.
 *
 * @module
 */

/** The proxiers that come with weir. */
export const BUILTIN_PROXIERS = ["nftables"] as const;

/** Modes of kube-proxy, past or present, that this version of weir does not have. */
const MODES_OF_KUBE_PROXY = ["iptables", "ipvs", "userspace", "kernelspace"];

/**
 * Which proxier programs the node. `reference` is what the operator wrote, checked: a path or URL
 * and, behind `#sha256=`, the hash that the plugin's text must have.
 */
export type ProxyMode =
  | { readonly type: "builtin"; readonly name: typeof BUILTIN_PROXIERS[number] }
  | { readonly type: "plugin"; readonly reference: string };

/** Why a text cannot be a reference, or undefined when it can. */
function referenceFault(text: string): string | undefined {
  const hash = text.indexOf("#");
  const location = hash < 0 ? text : text.slice(0, hash);
  if (hash >= 0 && !/^#sha256=[0-9a-fA-F]{64}$/.test(text.slice(hash))) {
    return "what follows # is not sha256= and 64 hexadecimal digits";
  }
  if (/^(\/|\.\.?\/)./.test(location)) return undefined;
  const url = URL.parse(location);
  if (url?.protocol === "file:" && url.host === "") return undefined;
  if (url?.protocol === "https:") {
    return hash < 0 ? "a plugin from the network needs #sha256=<64 hexadecimal digits>" : undefined;
  }
  return `it is neither ${BUILTIN_PROXIERS.join(", ")} nor a path (./x.ts, /x.ts, file:, https:)`;
}

/**
 * Parses the value of `--proxy-mode`.
 *
 * @param text `nftables` or "" for the default, `./x.ts`, `../x.ts`, `/x.ts`, `file:///x.ts` or
 * `https://…`; https always, the others optionally, followed by `#sha256=<64 hexadecimal digits>`.
 * @returns The mode, or why the text is none.
 */
export function parseProxyMode(text: string): ProxyMode | string {
  // As in v1alpha1, an empty mode means the platform's default.
  const builtin = BUILTIN_PROXIERS.find((name) => name === (text === "" ? "nftables" : text));
  if (builtin !== undefined) return { type: "builtin", name: builtin };
  if (MODES_OF_KUBE_PROXY.includes(text)) {
    return `this version of weir has ${BUILTIN_PROXIERS.join(", ")} or the path of a plugin`;
  }
  return referenceFault(text) ?? { type: "plugin", reference: text };
}

/**
 * The name of a mode for people and for `/proxyMode`.
 *
 * @param mode The mode.
 * @returns The built-in's name, or the plugin's path or URL without its pin.
 */
export function formatProxyMode(mode: ProxyMode): string {
  return mode.type === "builtin" ? mode.name : mode.reference.replace(/#.*$/, "");
}
