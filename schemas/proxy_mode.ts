/**
 * What `--proxy-mode` names: a proxier of weir's own, the source of a third party's, or a mode that
 * only kube-proxy has.
 *
 * @module
 */

/** The proxiers that come with weir. */
export const BUILTIN_PROXIERS = ["nftables"] as const;

/** Modes of kube-proxy, past or present, that this version of weir does not have. */
export const ABSENT_MODES = ["iptables", "ipvs", "userspace", "kernelspace"] as const;

/** One of {@linkcode ABSENT_MODES}. */
export type AbsentMode = typeof ABSENT_MODES[number];

/** A mode that weir can serve. */
export type ProxyMode =
  | { readonly type: "builtin"; readonly name: typeof BUILTIN_PROXIERS[number] }
  | {
    readonly type: "plugin";
    /** What it is called in logs, metrics and /proxyMode. */
    readonly name: string;
    /** A path or URL and, behind `#sha256=`, the hash that the plugin's text must have. */
    readonly reference: string;
  };

/** What the operator asked for: a mode that weir can serve, or one that it cannot. */
export type RequestedMode = ProxyMode | { readonly type: "absent"; readonly name: AbsentMode };

/**
 * Says why a text cannot be a reference to a plugin's code.
 *
 * @param text A path (`./x.ts`, `../x.ts`, `/x.ts`), `file:///x.ts` or `https://…`; https always,
 * the others optionally, followed by `#sha256=<64 hexadecimal digits>`.
 * @returns The reason, or undefined when it can.
 */
export function referenceFault(text: string): string | undefined {
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
  return "it is no path or URL of a plugin (./x.ts, /x.ts, file:, https:)";
}

/**
 * Parses the value of `--proxy-mode`.
 *
 * @param text `nftables` or "" for the default, a mode of kube-proxy, the name of a plugin, or
 * what {@linkcode referenceFault} takes.
 * @param plugins References of the plugins that the configuration names.
 * @returns The mode, or why the text is none.
 */
export function parseProxyMode(
  text: string,
  plugins: ReadonlyMap<string, string> = new Map(),
): RequestedMode | string {
  // As in v1alpha1, an empty mode means the platform's default.
  const builtin = BUILTIN_PROXIERS.find((name) => name === (text === "" ? "nftables" : text));
  if (builtin !== undefined) return { type: "builtin", name: builtin };
  const absent = ABSENT_MODES.find((name) => name === text);
  if (absent !== undefined) return { type: "absent", name: absent };
  const named = plugins.get(text);
  if (named !== undefined) return { type: "plugin", name: text, reference: named };
  const fault = referenceFault(text);
  if (fault === undefined) {
    return { type: "plugin", name: text.replace(/#.*$/s, ""), reference: text };
  }
  // What looks like a path or URL is told of as one.
  if (/[/:#]/.test(text)) return fault;
  const names = [...BUILTIN_PROXIERS, ...plugins.keys()].join(", ");
  return `it is none of ${names}, nor the path or URL of a plugin (./x.ts, /x.ts, file:, https:)`;
}
