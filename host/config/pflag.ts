/**
 * The spelling of Go's pflag, which every kube-proxy command line is written for, put into one
 * canonical form: `--name=value`, hyphens in names, values for booleans too.
 *
 * @module
 */
import type { Flag, FlagValue } from "./flag.ts";

/** What `strconv.ParseBool` takes. */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "T", "TRUE", "true", "True"].map((text) => [text, true] as const),
  ...["0", "f", "F", "FALSE", "false", "False"].map((text) => [text, false] as const),
]);

/** Integers with base 0 of `strconv.ParseInt`: 0x, 0o or 0, and 0b are prefixes. */
const INTEGER = /^([+-]?)(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|0|[1-9]\d*)$/;

/** Decimal numbers of `strconv.ParseFloat`, without its infinities, which no flag can use. */
const FLOAT = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/**
 * Puts a command line into canonical form. The name of a flag that is not in the table stays as
 * written, for the parser to refuse.
 *
 * Of pflag's rules: a boolean never takes the next argument as its value (`--x false` sets x and
 * leaves an argument), any other flag always takes it, even one that begins with a hyphen; `-v=2`,
 * `-v2` and `-v 2` are the same; `--` ends the flags. Of Kubernetes' (`WordSepNormalizeFunc`):
 * underscores in names are hyphens.
 *
 * @param args The command line without the program's name.
 * @param flags The table.
 * @returns `--name=value` for each known flag; `--name` alone where its value is missing.
 */
export function canonicalArguments(args: readonly string[], flags: readonly Flag[]): string[] {
  const canonical: string[] = [];
  const rest = [...args];
  const take = (flag: Flag, inline: string | undefined) => {
    const value = inline ?? (flag.type === "bool" ? "true" : rest.shift());
    canonical.push(value === undefined ? `--${flag.name}` : `--${flag.name}=${value}`);
  };
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--") return [...canonical, "--", ...rest];
    if (arg.startsWith("--")) {
      const equals = arg.indexOf("=");
      const name = arg.slice(2, equals < 0 ? undefined : equals).replaceAll("_", "-");
      const flag = flags.find((row) => row.name === name);
      // Without its value, so that the parser compares names when it suggests one.
      if (flag === undefined) canonical.push(equals < 0 ? arg : arg.slice(0, equals));
      else take(flag, equals < 0 ? undefined : arg.slice(equals + 1));
    } else if (arg.startsWith("-") && arg.length > 1) {
      const flag = flags.find((row) => row.short === arg[1]);
      const tail = arg.slice(2);
      if (flag === undefined) canonical.push(arg);
      else if (tail.startsWith("=")) take(flag, tail.slice(1));
      else if (flag.type !== "bool") take(flag, tail === "" ? undefined : tail);
      else {
        take(flag, undefined);
        // -hv2 is -h -v2.
        if (tail !== "") rest.unshift(`-${tail}`);
      }
    } else canonical.push(arg);
  }
  return canonical;
}

/** Why a text is no value of a flag's type. */
export interface Misspelling {
  readonly why: string;
}

/** As `cliflag.MapStringBool`: white space around names and values is nothing. */
function parseGates(text: string): { readonly value: FlagValue } | Misspelling {
  const gates: Record<string, boolean> = {};
  for (const part of text.split(",").filter((part) => part.trim() !== "")) {
    const equals = part.indexOf("=");
    if (equals < 0) return { why: `"${part.trim()}" has no =true or =false` };
    const name = part.slice(0, equals).trim();
    const value = BOOLEANS.get(part.slice(equals + 1).trim());
    if (value === undefined) return { why: `what ${name} is set to is neither true nor false` };
    // A name such as __proto__ is a key as any other.
    Object.defineProperty(gates, name, { value, enumerable: true, configurable: true });
  }
  return { value: gates };
}

/** As `logsapi.VModuleConfigurationPflag`: `pattern=N`, commas between, empty entries nothing. */
function parseModules(text: string): { readonly value: FlagValue } | Misspelling {
  const value: { filePattern: string; verbosity: number }[] = [];
  for (const part of text.split(",").filter((part) => part !== "")) {
    const [filePattern = "", level = "", ...more] = part.split("=");
    if (filePattern === "" || !/^\d{1,10}$/.test(level) || more.length > 0) {
      return { why: `"${part}" is no pattern with a level, such as sync=4` };
    }
    value.push({ filePattern, verbosity: Number(level) });
  }
  return { value };
}

/**
 * Reads a value as Go would.
 *
 * @param type The flag's type.
 * @param text The value as written.
 * @returns The value, or why the text is none.
 */
export function parseFlagValue(
  type: Flag["type"],
  text: string,
): { readonly value: FlagValue } | Misspelling {
  switch (type) {
    case "string":
    case "duration":
      return { value: text };
    case "strings":
      return { value: text === "" ? [] : text.split(",") };
    case "gates":
      return parseGates(text);
    case "vmodule":
      return parseModules(text);
    case "bool": {
      const value = BOOLEANS.get(text);
      return value === undefined ? { why: "it is neither true nor false" } : { value };
    }
    case "int32": {
      const match = INTEGER.exec(text);
      const digits = match?.[2]?.replace(/^0[oO]?(?=[0-7]+$)/, "0o");
      const value = digits === undefined ? NaN : Number(digits) * (match?.[1] === "-" ? -1 : 1);
      return value >= -(2 ** 31) && value < 2 ** 31
        ? { value }
        : { why: "it is not a 32-bit integer" };
    }
    case "float32": {
      const value = FLOAT.test(text) ? Number(text) : NaN;
      return Number.isFinite(Math.fround(value)) ? { value } : { why: "it is not a number" };
    }
  }
}
