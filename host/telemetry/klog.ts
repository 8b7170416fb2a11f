/**
 * The text format of klog's structured logging, which every tool that reads kube-proxy's log
 * knows: `I1123 02:44:38.123456   12345 file.ts:123] "message" key="value"`.
 *
 * @module
 */
import type { LogFormat, LogSeverity } from "./log.ts";

/** The header's first letter. klog has no letter for debugging: it is I at a higher -v. */
const LETTERS: Readonly<Record<LogSeverity, string>> = { info: "I", warning: "W", error: "E" };

function pad(value: number, width: number): string {
  return String(value).padStart(width, "0");
}

/** `mmdd hh:mm:ss.uuuuuu` in local time, as klog's `formatHeader` writes it. */
function timestamp(time: number): string {
  const date = new Date(time);
  const micros = Math.floor((time - Math.floor(time / 1000) * 1000) * 1000);
  return `${pad(date.getMonth() + 1, 2)}${pad(date.getDate(), 2)} ${pad(date.getHours(), 2)}:` +
    `${pad(date.getMinutes(), 2)}:${pad(date.getSeconds(), 2)}.${pad(micros, 6)}`;
}

/** As JSON quotes it, which is Go's `strconv.Quote` but for a few control characters. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

/** JSON for structs, maps and slices, as klog writes them, that never throws. */
function structured(value: object): string {
  try {
    return JSON.stringify(
      value,
      (_, inner: unknown) =>
        typeof inner === "bigint"
          ? Number(inner)
          : inner instanceof Error
          ? inner.message
          : inner instanceof Map
          ? Object.fromEntries(inner)
          : inner instanceof Set
          ? [...inner]
          : inner,
    ) ?? "null";
  } catch (error) {
    // A circle: what cannot be written must not stop what is being logged.
    return quoted(`<${error instanceof Error ? error.message.split("\n")[0] : "unwritable"}>`);
  }
}

function formatValue(value: unknown): string {
  if (value instanceof Error) return formatValue(value.message);
  switch (typeof value) {
    case "string":
      // klog's multi-line form: nothing is escaped, every line is indented by a tab.
      return value.includes("\n") ? `<\n\t${value.replaceAll("\n", "\n\t")}\n >` : quoted(value);
    case "object":
      return value === null ? "null" : structured(value);
    case "undefined":
      return "null";
    default:
      return String(value);
  }
}

/** A key as it is, unless it would make the line ambiguous. */
function formatKey(key: string): string {
  return /^[^\s"=]+$/.test(key) ? key : quoted(key);
}

/**
 * Makes klog's text format.
 *
 * @param pid The process id, which stands where klog has the thread's.
 * @returns Turns a record into a line with its line feed.
 */
export function klogFormat(pid: number): LogFormat {
  const process = String(pid).padStart(7, " ");
  return (record) => {
    const header = `${LETTERS[record.severity]}${
      timestamp(record.time)
    } ${process} ${record.site}]`;
    let line = `${header} ${quoted(record.message)}`;
    for (const [key, value] of Object.entries(record.fields)) {
      line += ` ${formatKey(key)}=${formatValue(value)}`;
    }
    return `${line}\n`;
  };
}
