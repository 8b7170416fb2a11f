/**
 * The `log` a handler is given.
 *
 * @module
 */
import type { Log } from "../../schemas/capability.ts";
import type { PluginMessage } from "../../schemas/wire.ts";

type LogMessage = Extract<PluginMessage, { type: "log" }>;

/** The limits of schemas/wire.ts: a line that breaks one would end the plugin. */
const MESSAGE_LENGTH = 8 * 1024;
const VALUE_LENGTH = 2 * 1024;
const FIELD_LENGTH = 64;
const FIELDS = 32;

/** Text of anything; what JSON cannot say (a cycle, a bigint) is still worth a line. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return value.message;
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return JSON.stringify(value);
  } catch {
    return String(value);
  }
}

function scalar(value: unknown): string | number | boolean {
  if (typeof value === "boolean") return value;
  // JSON has no NaN and no infinity.
  if (typeof value === "number" && Number.isFinite(value)) return value;
  return textOf(value).slice(0, VALUE_LENGTH);
}

/**
 * Makes a log whose lines go to the host. Lines are shortened to what the wire takes; a field
 * that is neither text, number nor boolean is written as JSON.
 *
 * @param send Sends one message.
 * @returns The log.
 */
export function wireLog(send: (message: LogMessage) => void): Log {
  const line =
    (level: LogMessage["level"]) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      const entries = Object.entries(fields).slice(0, FIELDS)
        .map(([name, value]) => [name.slice(0, FIELD_LENGTH), scalar(value)]);
      send({
        type: "log",
        level,
        message: message.slice(0, MESSAGE_LENGTH),
        fields: Object.fromEntries(entries),
      });
    };
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}
