/**
 * The story as text for a terminal.
 *
 * @module
 */
import { createStyle, formatTable, type Style, visibleWidth } from "../cli/style.ts";
import { countAnswers, formatTarget } from "./expectations.ts";
import type { Outcome, PodChange, StoryEvent, Target } from "./message.ts";

/** Columns of the longest bar. */
const BAR = 10;
/** An eighth, two eighths, … of a column. */
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/**
 * Draws a part of a whole.
 *
 * @param part At least 0.
 * @param whole At least 1; a part as large fills all columns.
 * @returns At most 10 columns, padded to them; something for any part above 0.
 */
export function bar(part: number, whole: number): string {
  const eighths = part === 0 ? 0 : Math.max(1, Math.round(Math.min(1, part / whole) * BAR * 8));
  return ("█".repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? "")).padEnd(BAR);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}

function milliseconds(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : String(Math.round(ms))} ms`;
}

function count(number: number, noun: string): string {
  return `${number.toLocaleString("en-US")} ${noun}${number === 1 ? "" : "s"}`;
}

interface Row {
  readonly from: string;
  readonly target: Target;
  readonly outcomes: readonly Outcome[];
}

function answerTable(rows: readonly Row[], style: Style): string {
  const names = [...new Set(rows.flatMap(({ outcomes }) => [...countAnswers(outcomes).keys()]))]
    .sort();
  const head = ["from", "to", ...names, "failed"].map(style.dim);
  const body = rows.map(({ from, target, outcomes }) => {
    const counts = countAnswers(outcomes);
    const failed = outcomes.filter(({ result }) => result !== "answered").length;
    const most = Math.max(1, ...[...counts.values()]);
    const cells = names.map((name) => {
      const times = counts.get(name) ?? 0;
      return `${style.cyan(bar(times, most))} ${String(times).padStart(3)}`;
    });
    const end = failed === 0 ? style.green("0") : style.red(String(failed));
    return [from, formatTarget(target), ...cells, end];
  });
  return formatTable([head, ...body], { indent: 5 });
}

function rejectionTable(rows: readonly Row[], style: Style): string {
  const head = ["from", "to", "rejected", "slowest"].map(style.dim);
  const body = rows.map(({ from, target, outcomes }) => {
    const rejected = outcomes.filter(({ result }) => result === "refused");
    const share = `${rejected.length} of ${outcomes.length}`;
    const slowest = rejected.length === 0
      ? "-"
      : milliseconds(Math.max(...rejected.map(({ ms }) => ms)));
    const colour = rejected.length === outcomes.length ? style.green : style.red;
    return [from, formatTarget(target), colour(share), slowest];
  });
  return formatTable([head, ...body], { indent: 5, right: [3] });
}

function describeChange({ pod, change, afterMs }: PodChange, style: Style): string {
  if (change === "joins") {
    return afterMs === null
      ? style.red(`${pod} never answered`)
      : `${pod} first answers after ${milliseconds(afterMs)}`;
  }
  return afterMs === null
    ? `${pod} is never asked again`
    : `${pod} is last asked after ${milliseconds(afterMs)}`;
}

/** Tells the story, event by event. */
export class Narration {
  readonly #style: Style;
  #step = 0;

  /** @param colour Whether to colour. */
  constructor(colour: boolean) {
    this.#style = createStyle(colour);
  }

  #headline(title: string, text: string, ms?: number): string {
    const { bold, dim } = this.#style;
    const head = `${dim(String(++this.#step).padStart(3))}  ${bold(title.padEnd(13))}${text}`;
    const time = ms === undefined ? "" : dim(seconds(ms));
    return `${head}${" ".repeat(Math.max(2, 90 - visibleWidth(head)))}${time}`.trimEnd() + "\n";
  }

  /**
   * The first line.
   *
   * @param privileged Whether the demo runs with root's rights.
   * @returns Text with line feeds.
   */
  opening(privileged: boolean): string {
    const where = privileged
      ? "in network namespaces of its own"
      : "in user and network namespaces of its own";
    return `${
      this.#style.bold("weir demo")
    }: a Service proxy at work, without a cluster, ${where}\n\n`;
  }

  /**
   * What happened next.
   *
   * @param event From the stage.
   * @returns Text with line feeds.
   */
  tell(event: StoryEvent): string {
    const { green, red, dim } = this.#style;
    switch (event.type) {
      case "built": {
        const pods = `${count(event.pods.length + 1, "pod")}, each in a namespace`;
        return this.#headline("Network", `a node and ${pods}, with IPv4 and IPv6`, event.ms);
      }
      case "programmed": {
        const text = `${count(event.services.length, "Service")} with ` +
          `${count(event.endpoints, "endpoint")} programmed from start to healthy`;
        return this.#headline("weir", text, event.ms);
      }
      case "answered": {
        const text = `Service ${event.service}: who answers ${event.each} connections each?`;
        const table = answerTable(event.rows, this.#style);
        return this.#headline("Balance", text, event.ms) + table;
      }
      case "rejected": {
        const text = `Service ${event.service} has no endpoints: no client is left hanging`;
        const table = rejectionTable(event.rows, this.#style);
        return this.#headline("Reject", text, event.ms) + table;
      }
      case "scaling": {
        const text =
          `Service ${event.service}, under ${event.perSecond} connections/s, IPv4 and IPv6, ` +
          `TCP and UDP`;
        return this.#headline("Scale", text);
      }
      case "scaled": {
        const [first = "", ...others] = event.changes.map((change) =>
          describeChange(change, this.#style)
        );
        const scale = `${event.from} → ${event.to}`;
        return formatTable([[scale, first], ...others.map((text) => ["", text])], { indent: 5 });
      }
      case "streamed": {
        const made = count(event.connections, "connection");
        const end = event.failures === 0 ? green("none failed") : red(`${event.failures} failed`);
        return `     ${made}, ${end}  ${dim(seconds(event.ms))}\n`;
      }
      case "finished":
        return event.faults.map((fault) => `     ${red("✗")} ${fault}\n`).join("");
      case "broken": {
        const log = event.log.map((line) => `     ${dim(line)}\n`).join("");
        return `     ${red("✗")} ${event.why}\n${log}`;
      }
    }
  }

  /**
   * The last word of the story.
   *
   * @param faults How many things were wrong.
   * @param ms How long the whole story took, in milliseconds.
   * @returns Text with line feeds.
   */
  verdict(faults: number, ms: number): string {
    const { green, red, bold } = this.#style;
    const said = faults === 0
      ? `${green("✓")} ${bold("Every answer was right")}`
      : `${red("✗")} ${bold(`${count(faults, "thing")} went wrong`)}`;
    return `\n  ${said}, in ${(ms / 1_000).toFixed(1)} s.\n`;
  }

  /**
   * What is said when a signal ends the story.
   *
   * @param signal Its name.
   * @returns Text with line feeds.
   */
  stopped(signal: Deno.Signal): string {
    return `\n  Stopped by ${signal} before the end.\n`;
  }

  /**
   * Where weir's pages are.
   *
   * @param urls Name and URL of each.
   * @returns Text with line feeds.
   */
  pages(urls: readonly (readonly [string, string])[]): string {
    const rows = urls.map(([name, url]) => [name, this.#style.cyan(url)]);
    return `\n  weir goes on until Ctrl-C; its pages:\n${formatTable(rows, { indent: 4 })}`;
  }
}
