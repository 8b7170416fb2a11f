/**
 * What the shells make of weir's completion.
 */
import assert from "node:assert/strict";
import { FLAGS } from "../../host/config/flags.ts";
import { completionScript } from "../../host/cli/completion.ts";
import { SPECS } from "../../host/cli/specs.ts";

const OTHERS = [
  { name: "cleanup", summary: 'Remove what kube-proxy\'s left; "all" of it' },
  { name: "config", summary: "Help with files", words: ["schema", "check", "diff"] },
];

async function run(shell: string, args: readonly string[]) {
  const { success, stdout, stderr } = await new Deno.Command(shell, {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  return { success, out: text.decode(stdout), err: text.decode(stderr) };
}

async function withScript<T>(shell: "bash" | "zsh" | "fish", use: (path: string) => Promise<T>) {
  const path = await Deno.makeTempFile({ prefix: "weir-completion-" });
  try {
    await Deno.writeTextFile(path, completionScript(shell, SPECS, OTHERS));
    return await use(path);
  } finally {
    await Deno.remove(path);
  }
}

/** What bash would offer for these words, the last of which is being typed. */
async function bashOffers(path: string, words: readonly string[]): Promise<string[]> {
  const typed = words.map((word) => `'${word}'`).join(" ");
  const { success, out, err } = await run("bash", [
    "--norc",
    "-c",
    `source ${path}; COMP_WORDS=(${typed}); COMP_CWORD=${words.length - 1}; _weir; ` +
    'printf "%s\\n" "${COMPREPLY[@]}"',
  ]);
  assert.deepEqual([success, err], [true, ""]);
  return out.split("\n").filter((line) => line !== "");
}

const OFFERS: readonly (readonly [readonly string[], readonly string[]])[] = [
  [["weir", "ex"], ["explain"]],
  [["weir", "c"], ["check", "completion", "cleanup", "config"]],
  [["weir", "explain", "--pro"], ["--protocol"]],
  [["weir", "explain", "x", "-o", ""], ["text", "json", "yaml"]],
  [["weir", "completion", ""], ["bash", "zsh", "fish", "--help", "-h"]],
  [["weir", "check", "--kubec"], ["--kubeconfig"]],
  [["weir", "--kubec"], ["--kubeconfig"]],
  [["weir", "top", "--sort", "r"], ["rate"]],
  [["weir", "config", ""], ["schema", "check", "diff"]],
];
for (const [words, offers] of OFFERS) {
  Deno.test(`bash completes "${words.join(" ")}"`, async () => {
    const offered = await withScript("bash", (path) => bashOffers(path, words));
    assert.deepEqual(offered.sort(), [...offers].sort());
  });
}

Deno.test("bash offers every flag of weir", async () => {
  const offered = await withScript("bash", (path) => bashOffers(path, ["weir", "--"]));
  for (const { name } of FLAGS) assert.ok(offered.includes(`--${name}`), name);
});

Deno.test("fish loads its script and completes commands, flags and values, with what they are", async () => {
  await withScript("fish", async (path) => {
    assert.deepEqual(await run("fish", ["--no-config", "--no-execute", path]), {
      success: true,
      out: "",
      err: "",
    });
    const offers = async (typed: string) => {
      const { out, err } = await run("fish", [
        "--no-config",
        "-c",
        `source ${path}; complete -C '${typed}'`,
      ]);
      assert.equal(err, "");
      return out.trim().split("\n");
    };
    const [explain] = SPECS;
    assert.deepEqual(await offers("weir expl"), [`explain\t${explain?.summary}`]);
    assert.deepEqual(
      (await offers("weir explain x --output ")).map((line) => line.split("\t")[0]),
      [
        "json",
        "text",
        "yaml",
      ],
    );
    assert.ok((await offers("weir --kubec")).some((line) => line.startsWith("--kubeconfig")));
    assert.deepEqual(await offers("weir conf"), ["config\tHelp with files"]);
    assert.deepEqual(await offers("weir config "), ["check", "diff", "schema"]);
    assert.deepEqual(await offers("weir config ch"), ["check"]);
  });
});

Deno.test("zsh loads its script and has it complete weir", async () => {
  await withScript("zsh", async (path) => {
    assert.deepEqual(await run("zsh", ["-f", "-n", path]), { success: true, out: "", err: "" });
    const loaded = await run("zsh", [
      "-f",
      "-c",
      `autoload -Uz compinit && compinit -u -D && source ${path} && print $_comps[weir] && whence -w _weir`,
    ]);
    assert.deepEqual(loaded, { success: true, out: "_weir\n_weir: function\n", err: "" });
  });
});

/**
 * Has an interactive zsh on a terminal of its own say what it would offer: what its completion adds
 * is printed before it is shown.
 */
const ZSH_SETUP = `
PROMPT= ; unsetopt beep
autoload -Uz compinit && compinit -u -D
source "$WEIR_SCRIPT"
bindkey '^I' complete-word
zstyle ':completion:*' insert-tab false
compadd() {
  # With -O, -A or -D nothing is added: words are only sorted out.
  if [[ "\${@[1,(i)(-|--)]}" == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi
  local -a offered
  builtin compadd -A offered "$@"
  (( $#offered )) && print -rl -- "offer="$^offered
  builtin compadd "$@"
}
finished() { print -r -- finished=; exit; }
comppostfuncs=(finished)
`;
const ZSH_TYPES = `
zmodload zsh/zpty
export WEIR_SCRIPT="$1"
zpty inner zsh -f -i
# The terminal echoes what is typed, which must not look like the answer.
zpty -w inner "source $2; print -r -- rea''dy="
while zpty -r inner line && [[ "$line" != *ready=* ]]; do :; done
zpty -wn inner "$3"$'\t'
while zpty -r inner line; do
  print -r -- "$line"
  [[ "$line" == *finished=* ]] && break
done
zpty -d inner
`;

async function zshOffers(path: string, typed: string): Promise<string[]> {
  const setup = await Deno.makeTempFile({ prefix: "weir-zsh-" });
  try {
    await Deno.writeTextFile(setup, ZSH_SETUP);
    const args = ["-f", "-c", ZSH_TYPES, "zsh", path, setup, typed];
    const { out, err } = await run("zsh", args);
    assert.equal(err, "");
    return [...out.matchAll(/offer=(\S+)/g)].map(([, word = ""]) => word).sort();
  } finally {
    await Deno.remove(setup);
  }
}

for (
  const [typed, offers] of [
    ["weir ex", ["explain"]],
    ["weir conf", ["config"]],
    ["weir config ", ["check", "diff", "schema"]],
    ["weir config di", ["diff"]],
    ["weir completion ", ["bash", "fish", "zsh"]],
    ["weir explain x --out", ["--output"]],
    ["weir explain x --output=", ["json", "text", "yaml"]],
  ] as const
) {
  Deno.test(`zsh completes "${typed}"`, async () => {
    const offered = await withScript("zsh", (path) => zshOffers(path, typed));
    assert.deepEqual(offered, offers);
  });
}
