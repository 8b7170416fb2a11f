/**
 * What the process waits for, in place of Go's goroutines: whoever has asked the clock to be
 * called later, with the stack of the asking, and the plugins with their calls under way.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { Profile } from "./pprof.ts";
import type { Frame, StackSample } from "./stack.ts";

/** A plugin as a task. */
export interface PluginTask {
  readonly name: string;
  /** See `PluginState`. */
  readonly state: string;
  /** The handlers that run now. */
  readonly calls: readonly { readonly method: string; readonly startedAt: number }[];
}

/** What a register of tasks stands on. */
export interface TasksOptions {
  /** weir's own folder; ends in `/`. */
  readonly home: URL;
  readonly clock: Clock;
}

/** `at name (file:///path/file.ts:12:34)` or `at file:///path/file.ts:12:34`. */
const LINE = /^\s*at (?:async )?(?:(.*?) \()?(\S+):(\d+):\d+\)?$/;

/** This module's own frames, which stand innermost in every stack it takes. */
const OWN = "host/profiles/tasks.ts";

/** Tasks of the host. */
export class Tasks {
  readonly #options: TasksOptions;
  readonly #pending = new Set<Error>();

  /** @param options What it stands on. */
  constructor(options: TasksOptions) {
    this.#options = options;
  }

  /** The clock, whose pending callbacks are tasks. V8 makes text of a stack when it is asked to. */
  readonly clock: Clock = {
    now: () => this.#options.clock.now(),
    after: (delay, callback) => {
      const asking = new Error();
      this.#pending.add(asking);
      const cancel = this.#options.clock.after(delay, () => {
        this.#pending.delete(asking);
        callback();
      });
      return () => {
        this.#pending.delete(asking);
        cancel();
      };
    },
  };

  /**
   * The tasks of this moment.
   *
   * @param plugins All there are.
   * @returns One sample for each task.
   */
  profile(plugins: readonly PluginTask[]): Profile {
    const now = this.#options.clock.now();
    const samples: StackSample[] = [...this.#pending].map((asking) => ({
      stack: this.#stack(asking),
      values: [1],
    }));
    for (const { name, state, calls } of plugins) {
      const plugin = word(`plugin ${name}`);
      samples.push({ stack: [word(state), plugin], values: [1] });
      for (const { method, startedAt } of calls) {
        const since = word(`for ${Math.round(now - startedAt)} ms`);
        samples.push({ stack: [since, word(`call of ${method}`), plugin], values: [1] });
      }
    }
    return {
      types: [{ type: "goroutine", unit: "count" }],
      samples,
      period: { type: "goroutine", unit: "count", value: 1 },
      program: "weir",
      startedAt: now,
      duration: 0,
      comments: ["callbacks that wait for the clock, and plugins with their calls"],
    };
  }

  #stack(asking: Error): Frame[] {
    const { home } = this.#options;
    return (asking.stack ?? "").split("\n").slice(1).flatMap((text) => {
      const [, name = "(anonymous)", url = "", line = "0"] = LINE.exec(text) ?? [];
      if (url === "") return [];
      const file = url.startsWith(home.href)
        ? url.slice(home.href.length)
        : url.replace(/^(ext|node):/, "$1/");
      if (file === OWN) return [];
      const path = file.replace(/\.[cm]?[jt]sx?$/, "");
      return [{ name: `${path}.${name}`, file, line: Number(line) }];
    });
  }
}

function word(name: string): Frame {
  return { name, file: "", line: 0 };
}
