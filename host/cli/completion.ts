/**
 * `weir completion`: what the shells need to complete weir's command line, made of the table of
 * flags and of the subcommands.
 *
 * @module
 */
import { WeirError } from "../../schemas/errors.ts";
import { FLAGS } from "../config/flags.ts";
import type { CommandSpec } from "./command_spec.ts";

/** The shells that are known. */
const SHELLS = ["bash", "zsh", "fish"] as const;

/** One of them. */
export type Shell = typeof SHELLS[number];

/** A flag, as all shells see it. */
interface Completed {
  readonly name: string;
  readonly short: string;
  readonly help: string;
  /** What its value is; `none` when it has none. */
  readonly value: "none" | "any" | "file" | "folder" | readonly string[];
}

/** A command, as all shells see it. */
interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly Completed[];
  readonly words: readonly string[];
}

/** Flags whose values are files or folders. */
const FILES: ReadonlySet<string> = new Set(["config", "kubeconfig", "write-config-to", "log-file"]);
const FOLDERS: ReadonlySet<string> = new Set(["manifests", "log-dir"]);

const PROXY_FLAGS: readonly Completed[] = FLAGS.map((flag) => ({
  name: flag.name,
  short: flag.short ?? "",
  help: flag.help,
  value: flag.type === "bool"
    ? "none"
    : FILES.has(flag.name)
    ? "file"
    : FOLDERS.has(flag.name)
    ? "folder"
    : "any",
}));

function commandOf(spec: CommandSpec): CompletedCommand {
  const own = spec.options.map(({ name, short = "", help, placeholder, choices, path }) => ({
    name,
    short,
    help,
    value: choices ?? path ?? (placeholder === "" ? "none" as const : "any" as const),
  }));
  const help = { name: "help", short: "h", help: "Show the help", value: "none" } as const;
  return {
    name: spec.name,
    summary: spec.summary,
    flags: [...own, help, ...(spec.proxyFlags === true ? PROXY_FLAGS : [])],
    words: spec.choices ?? [],
  };
}

/** The first sentence, without what a shell could take for its own. */
function plain(text: string): string {
  return (text.split(/\.(?: |$)/)[0] ?? "").replace(/[`$"\\[\]':]/g, "");
}

/** `--name --other -s` of flags. */
function words(flags: readonly Completed[]): string {
  return flags.flatMap(({ name, short }) => [`--${name}`, ...(short === "" ? [] : [`-${short}`])])
    .join(" ");
}

/** Alternatives of a `case`: `--output|-o`. */
function pattern({ name, short }: Completed): string {
  return `--${name}${short === "" ? "" : `|-${short}`}`;
}

function bashValue({ value }: Completed): string {
  if (value === "file") return 'COMPREPLY=($(compgen -f -- "$cur"))';
  if (value === "folder") return 'COMPREPLY=($(compgen -d -- "$cur"))';
  if (Array.isArray(value)) return `COMPREPLY=($(compgen -W "${value.join(" ")}" -- "$cur"))`;
  return "COMPREPLY=()";
}

function bash(commands: readonly CompletedCommand[]): string {
  const valued = new Map<string, Completed>();
  for (const flag of [...commands.flatMap(({ flags }) => flags), ...PROXY_FLAGS]) {
    if (flag.value !== "none" && !valued.has(pattern(flag))) valued.set(pattern(flag), flag);
  }
  const values = [...valued.values()]
    .map((flag) => `    ${pattern(flag)}) ${bashValue(flag)}; return ;;\n`).join("");
  const cases = commands.map(({ name, flags, words: choices }) =>
    `    ${name}) words="${[words(flags), ...choices].join(" ")}" ;;\n`
  ).join("");
  const names = commands.map(({ name }) => name).join(" ");
  return `# bash completion for weir
# To load it: source <(weir completion bash)
_weir() {
  local cur prev words
  COMPREPLY=()
  cur="\${COMP_WORDS[COMP_CWORD]}"
  prev="\${COMP_WORDS[COMP_CWORD-1]}"
  case "$prev" in
${values}  esac
  case "\${COMP_WORDS[1]}" in
${cases}    *)
      words="${words(PROXY_FLAGS)}"
      if [ "$COMP_CWORD" -eq 1 ]; then words="${names} $words"; fi
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _weir weir
`;
}

function zshFlag({ name, short, help, value }: Completed): string {
  const action = value === "none"
    ? ""
    : value === "file"
    ? ":file:_files"
    : value === "folder"
    ? ":folder:_files -/"
    : value === "any"
    ? ":value: "
    : `:value:(${value.join(" ")})`;
  const spec = (flag: string) => `'${flag}[${plain(help)}]${action}'`;
  const long = spec(`--${name}${value === "none" ? "" : "="}`);
  return short === "" ? long : `${spec(`-${short}`)} ${long}`;
}

function zshCommand({ name, flags, words: choices }: CompletedCommand): string {
  // Behind a word that no spec is for _arguments completes nothing any more.
  const first = choices.length === 0 ? " '*:word: '" : ` '1:word:(${choices.join(" ")})'`;
  return `      ${name}) _arguments${first} ${flags.map(zshFlag).join(" \\\n        ")} ;;\n`;
}

function zsh(commands: readonly CompletedCommand[]): string {
  const described = commands.map(({ name, summary }) => `    '${name}:${plain(summary)}'\n`).join(
    "",
  );
  return `#compdef weir
# zsh completion for weir
# To load it: source <(weir completion zsh)
_weir() {
  local -a commands
  commands=(
${described}  )
  if (( CURRENT == 2 )) && [[ "\${words[2]}" != -* ]]; then
    _describe command commands
    return
  fi
  if [[ "\${words[2]}" != -* ]]; then
    local name="\${words[2]}"
    shift words
    (( CURRENT-- ))
    case "$name" in
${commands.map(zshCommand).join("")}    esac
    return
  fi
  _arguments ${PROXY_FLAGS.map(zshFlag).join(" \\\n    ")}
}
compdef _weir weir
`;
}

function fishFlag(condition: string, { name, short, help, value }: Completed): string {
  const action = value === "none"
    ? ""
    : value === "file"
    ? " -r -F"
    : value === "folder"
    ? " -x -a '(__fish_complete_directories)'"
    : value === "any"
    ? " -x"
    : ` -x -a '${value.join(" ")}'`;
  return `complete -c weir -n '${condition}'${
    short === "" ? "" : ` -s ${short}`
  } -l ${name}${action}` +
    ` -d '${plain(help)}'\n`;
}

function fish(commands: readonly CompletedCommand[]): string {
  const lines = commands.map(({ name, summary, flags, words: choices }) => {
    const seen = `__fish_seen_subcommand_from ${name}`;
    return `complete -c weir -n __fish_use_subcommand -a ${name} -d '${plain(summary)}'\n` +
      (choices.length === 0 ? "" : `complete -c weir -n '${seen}' -a '${choices.join(" ")}'\n`) +
      flags.map((flag) => fishFlag(seen, flag)).join("");
  });
  return `# fish completion for weir
# To load it: weir completion fish | source
complete -c weir -f
${lines.join("")}${PROXY_FLAGS.map((flag) => fishFlag("__fish_use_subcommand", flag)).join("")}`;
}

/**
 * Reads a shell's name.
 *
 * @param name What was asked for.
 * @returns The shell.
 * @throws {WeirError} WEIR_CONFIG_INVALID for another one.
 */
export function shellOf(name: string): Shell {
  const shell = SHELLS.find((known) => known === name);
  if (shell !== undefined) return shell;
  throw new WeirError(
    "WEIR_CONFIG_INVALID",
    `Cannot complete for shell "${name}": there are ${SHELLS.join(", ")}`,
  );
}

/**
 * Writes a shell's completion.
 *
 * @param shell Which shell.
 * @param specs The subcommands that have flags of their own.
 * @param others Those that have none.
 * @returns A script to be sourced.
 */
export function completionScript(
  shell: Shell,
  specs: readonly CommandSpec[],
  others: readonly {
    readonly name: string;
    readonly summary: string;
    readonly words?: readonly string[];
  }[],
): string {
  const commands = [
    ...specs.map(commandOf),
    ...others.map(({ name, summary, words = [] }) => ({ name, summary, flags: [], words })),
  ];
  switch (shell) {
    case "bash":
      return bash(commands);
    case "zsh":
      return zsh(commands);
    case "fish":
      return fish(commands);
  }
}
