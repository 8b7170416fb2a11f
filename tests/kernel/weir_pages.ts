/**
 * weir's pages, read from inside the node's network.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { NodeAgent, Page } from "./node_agent.ts";

/** weir's pages, as the node's own kubelet and a scraper see them. */
export class Pages {
  readonly #agent: NodeAgent;

  /** @param agent Fetches them from inside. */
  constructor(agent: NodeAgent) {
    this.#agent = agent;
  }

  /**
   * Any page.
   *
   * @param url Where, as the node sees it.
   * @returns The page.
   * @throws {Error} When nobody answers.
   */
  at(url: string): Promise<Page> {
    return this.#agent.get(url);
  }

  /**
   * Puts a text somewhere.
   *
   * @param url Where, as the node sees it.
   * @param body The text.
   * @returns The answer.
   * @throws {Error} When nobody answers.
   */
  put(url: string, body: string): Promise<Page> {
    return this.#agent.put(url, body);
  }

  /**
   * A probe.
   *
   * @param name Which.
   * @returns The page.
   */
  health(name: "healthz" | "livez"): Promise<Page> {
    return this.#agent.get(`http://127.0.0.1:10256/${name}`);
  }

  /**
   * The value of a metric.
   *
   * @param name Its name.
   * @param labels Some of its labels, as `plugin="hello"`.
   * @returns The value of the only series that has them.
   * @throws {AssertionError} When there is none, or there are several.
   */
  async metric(name: string, ...labels: readonly string[]): Promise<number> {
    const { text } = await this.#agent.get("http://127.0.0.1:10249/metrics");
    const lines = text.split("\n").filter((line) =>
      /^[a-z_]+/.exec(line)?.[0] === name && labels.every((label) => line.includes(label))
    );
    const [line = "", ...others] = lines;
    assert.deepEqual(others, [], `several series are ${name} ${labels}`);
    assert.notEqual(line, "", `no series is ${name} ${labels}`);
    return Number(line.slice(line.lastIndexOf(" ") + 1));
  }
}
