/**
 * `weir config schema|check|diff`.
 *
 * @module
 */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { formatBindAddress, parseBindAddress } from "../../../schemas/bind_address.ts";
import { KubeProxySchema } from "../../../schemas/config/kube_proxy.ts";
import { OptionsSchema } from "../../../schemas/config/options.ts";
import { WeirSchema } from "../../../schemas/config/weir.ts";
import { messageOf, WeirError } from "../../../schemas/errors.ts";
import * as v from "valibot";
import type { Documents } from "../../config/complete.ts";
import { kubeProxyDocument, weirDocument } from "../../config/write.ts";
import { maskedWhole } from "../../telemetry/masked.ts";
import { type CliIo, EXIT_CODES } from "../cli.ts";
import { readServerAddress } from "../server_address.ts";
import { createStyle, type Style, wantsColour } from "../style.ts";
import { checkConfigFile, type CheckedFile, checkJson, checkReport, hasErrors } from "./check.ts";
import { compareDocuments, diffJson, diffReport, type WrittenDocuments } from "./diff.ts";
import { configJsonSchema } from "./json_schema.ts";

/** What the command asks of the world beside the files. */
export interface ConfigCommandEffects {
  /**
   * Gets JSON by HTTP.
   *
   * @param url Where from.
   * @returns What it says.
   * @throws {Error} When nobody answers, or not with JSON: why, and what to do.
   */
  readonly getJson: (url: string) => Promise<unknown>;
}

/** What a run stands on. */
interface Ground {
  readonly io: CliIo;
  readonly effects: ConfigCommandEffects;
  readonly style: Style;
}

type Format = "text" | "json";

async function readChecked(path: string, { io }: Ground): Promise<CheckedFile> {
  let text: string;
  try {
    text = await io.readText(path);
  } catch (thrown) {
    throw new WeirError(
      "WEIR_CONFIG_INVALID",
      `Cannot read configuration file "${path}": ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
  return checkConfigFile(path, text);
}

async function check(path: string, output: Format, ground: Ground): Promise<number> {
  const checked = await readChecked(path, ground);
  ground.io.stdout(
    output === "json" ? checkJson(checked) : checkReport(checked, ground.style),
  );
  return hasErrors(checked) ? EXIT_CODES.failed : EXIT_CODES.done;
}

function written({ kubeProxy, weir }: Documents): WrittenDocuments {
  return { kubeProxy: kubeProxyDocument(kubeProxy), weir: weirDocument(weir) };
}

/** A file's documents; without them its errors are told. */
async function documentsOf(path: string, ground: Ground): Promise<Documents | undefined> {
  const checked = await readChecked(path, ground);
  if (checked.documents === undefined) ground.io.stderr(checkReport(checked, ground.style));
  return checked.documents;
}

/** Who listens on all addresses is asked on the loopback's. */
const LOOPBACK_OF: ReadonlyMap<string, string> = new Map([["0.0.0.0", "127.0.0.1"], ["::", "::1"]]);

/** Where whoever has this configuration serves /configz, asked from this node. */
function configzUrl({ kubeProxy }: Documents): string {
  const bind = parseBindAddress(kubeProxy.metricsBindAddress ?? "127.0.0.1:10249", 10249);
  if (typeof bind === "string") return "http://127.0.0.1:10249/configz";
  const ip = LOOPBACK_OF.get(bind.ip) ?? bind.ip;
  return `http://${formatBindAddress({ ...bind, ip })}/configz`;
}

/** Where --server's value has /configz: an address as other commands take it, or any URL. */
function configzAt(server: string): string {
  const address = readServerAddress(server);
  if (address.type === "base") return `${address.url}/configz`;
  if (/^https?:\/\//.test(server) && URL.canParse(server)) return server;
  throw new InvalidArgumentError(
    "Give an address, such as 127.0.0.1:10249, or the URL of /configz.",
  );
}

const ConfigzSchema = v.object({
  "kubeproxy.config.k8s.io": v.record(v.string(), v.unknown()),
  "weir.dev": v.optional(v.record(v.string(), v.unknown())),
});

/** What runs, as it says so itself. */
async function running(url: string, { effects }: Ground): Promise<WrittenDocuments> {
  const read = v.safeParse(ConfigzSchema, await effects.getJson(url));
  if (!read.success) throw new Error("who answers tells no configuration of a proxy");
  const { "kubeproxy.config.k8s.io": kubeProxy, "weir.dev": weir } = read.output;
  return { kubeProxy, weir };
}

const DEFAULTS: Documents = {
  kubeProxy: v.parse(KubeProxySchema, {}),
  weir: v.parse(WeirSchema, {}),
  options: v.parse(OptionsSchema, {}),
};

/** What a file is compared with, and how that is called. */
interface Other {
  readonly documents: WrittenDocuments;
  readonly name: string;
  /** It runs, with a command line of its own. */
  readonly runs?: true;
}

async function other(
  against: string | undefined,
  url: string | undefined,
  next: Documents,
  ground: Ground,
): Promise<Other | undefined> {
  if (against === "defaults") return { documents: written(DEFAULTS), name: "the defaults" };
  if (against !== undefined) {
    const documents = await documentsOf(against, ground);
    return documents === undefined ? undefined : { documents: written(documents), name: against };
  }
  const place = url ?? configzUrl(next);
  try {
    return { documents: await running(place, ground), name: `what runs (${place})`, runs: true };
  } catch (thrown) {
    if (url !== undefined) {
      throw new WeirError(
        "WEIR_CONFIG_INVALID",
        `Cannot compare with "${url}": ${messageOf(thrown)}`,
        { cause: thrown },
      );
    }
    ground.io.stderr(`Cannot ask "${place}": ${messageOf(thrown)}\n`);
    return { documents: written(DEFAULTS), name: `the defaults, as nobody tells his at ${place}` };
  }
}

/** How `diff` was called. */
interface DiffOptions {
  readonly against?: string;
  readonly server?: string;
  readonly output: Format;
}

/** What flags set although there is a file. */
const COMMAND_LINE_WINS: readonly string[] = ["hostnameOverride", "logging"];

async function diff(path: string, options: DiffOptions, ground: Ground): Promise<number> {
  const next = await documentsOf(path, ground);
  if (next === undefined) return EXIT_CODES.failed;
  const from = await other(options.against, options.server, next, ground);
  if (from === undefined) return EXIT_CODES.failed;
  // What runs has masked what is secret in URLs; whether that differs is not to be told.
  const to = from.runs === true ? maskedWhole(written(next)) : written(next);
  const found = compareDocuments(from.documents, to);
  ground.io.stdout(
    options.output === "json"
      ? diffJson(found, from.name)
      : diffReport(found, from.name, ground.style),
  );
  const flagged = found.some(({ path }) => COMMAND_LINE_WINS.includes(path[0] ?? ""));
  if (from.runs === true && flagged) {
    ground.io.stderr(
      `What runs may have ${
        COMMAND_LINE_WINS.join(" and ")
      } from its command line, which wins over ` +
        "a file.\n",
    );
  }
  return EXIT_CODES.done;
}

/** How many columns the help takes. */
const HELP_WIDTH = 100;

function program(args: readonly string[], ground: Ground, ended: (code: number) => void): Command {
  const { io } = ground;
  const command = new Command("weir config")
    .description("Help with configuration files: KubeProxyConfiguration and WeirConfiguration.")
    .exitOverride()
    .configureOutput({
      writeOut: io.stdout,
      writeErr: io.stderr,
      getOutHelpWidth: () => HELP_WIDTH,
      getErrHelpWidth: () => HELP_WIDTH,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      outputError: (text, write) =>
        write(
          `weir: Cannot use command line "${["weir config", ...args].join(" ")}": ` +
            `${text.trim().replace(/^error: /, "")}\nRun weir config --help.\n`,
        ),
    })
    .configureHelp({ showGlobalOptions: false });
  const output = () =>
    new Option("-o, --output <format>", "for people or for programs")
      .choices(["text", "json"]).default("text");
  command.command("schema")
    .description("Print the JSON Schema of the documents")
    .action(() => {
      io.stdout(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
      ended(EXIT_CODES.done);
    });
  command.command("check <file>")
    .description("Tell all errors and warnings of a file; exit code 1 when it cannot be used")
    .addOption(output())
    .action(async (file: string, options: { output: Format }) =>
      ended(await check(file, options.output, ground))
    );
  command.command("diff <file>")
    .description(
      "Tell what a file would change. It is compared with what runs on this node (weir or " +
        "kube-proxy, by /configz), and with the defaults when nobody tells his there.",
    )
    .option("--against <file>", "compare with this file; with the defaults if it is: defaults")
    .addOption(
      new Option("--server <address>", "compare with who answers here, by /configz")
        .argParser(configzAt),
    )
    .addOption(output())
    .action(async (file: string, options: DiffOptions) => ended(await diff(file, options, ground)));
  return command;
}

/**
 * Runs `weir config …`.
 *
 * @param args What stands behind `config`.
 * @param io Files and streams.
 * @param effects The rest.
 * @returns The exit code: 0 when done, 1 when a file cannot be used, 2 when the command line cannot.
 * @throws {WeirError} WEIR_CONFIG_INVALID when a file cannot be read, or a server not be asked.
 */
export async function runConfigCommand(
  args: readonly string[],
  io: CliIo,
  effects: ConfigCommandEffects,
): Promise<number> {
  const style = createStyle(wantsColour(io.terminal.stdout, io.env));
  let code: number = EXIT_CODES.usage;
  const command = program(args, { io, effects, style }, (ended) => code = ended);
  try {
    await command.parseAsync([...args], { from: "user" });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    // Commander has said why.
    return thrown.exitCode === 0 ? EXIT_CODES.done : EXIT_CODES.usage;
  }
  return code;
}
