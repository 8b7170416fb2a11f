/**
 * The text format of klog's structured logging, which every tool that reads kube-proxy's log
 * knows: `I1123 02:44:38.123456   12345 file.ts:123] "message" key="value"`.
 *
 * @module
 */
import { siteName } from "../call_site.ts";
import type { LogFormat, LogSeverity } from "../log.ts";
import { escapeLine, quote } from "./quote.ts";
import { jsonOf } from "./value.ts";

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

/** klog's form of several lines: each is indented by a tab, so that none can pass for a record. */
function block(text: string): string {
  const lines = text.split("\n");
  // A line feed at the end does not begin another line.
  if (lines.at(-1) === "") lines.pop();
  return `<\n${lines.map((line) => `\t${escapeLine(line)}\n`).join("")} >`;
}

function formatValue(value: unknown): string {
  if (value instanceof Error) return formatValue(value.message);
  switch (typeof value) {
    case "string":
      return value.includes("\n") ? block(value) : quote(value);
    case "object":
      return escapeLine(jsonOf(value));
    case "undefined":
      return "null";
    default:
      return escapeLine(String(value));
  }
}

/** A key as it is, unless it would make the line ambiguous. */
function formatKey(key: string): string {
  return /^[!#-<>-~]+$/.test(key) ? key : quote(key);
}

/** What klog's flags change about a line. */
export interface TextOptions {
  /** Whether a line's place is `folder/file.ts:1`, not `file.ts:1`. */
  readonly addDirHeader: boolean;
  /** Whether a line begins with its message. */
  readonly skipHeaders: boolean;
}

/**
 * Makes klog's text format.
 *
 * @param pid The process id, which stands where klog has the thread's.
 * @param options What klog's flags change.
 * @returns Turns a record into a line with its line feed, or several when a value has several or a
 * stack trace belongs to it; each further line is indented.
 */
export function textFormat(pid: number, options: TextOptions): LogFormat {
  const process = String(pid).padStart(7, " ");
  const parts = options.addDirHeader ? 2 : 1;
  return ({ severity, time, site, message, fields, stack }) => {
    let line = options.skipHeaders
      ? ""
      : `${LETTERS[severity]}${timestamp(time)} ${process} ${siteName(site, parts)}] `;
    line += quote(message);
    for (const [key, value] of Object.entries(fields)) {
      line += ` ${formatKey(key)}=${formatValue(value)}`;
    }
    line += "\n";
    for (const frame of stack ?? []) line += `\t${escapeLine(frame)}\n`;
    return line;
  };
}
