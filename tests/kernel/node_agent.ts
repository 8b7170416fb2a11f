/**
 * A test's hand inside the node's network namespace: reads weir's pages and runs the fake API
 * server there, in a child process (node_child.ts).
 *
 * @module
 */
import type { KubeKind, KubeObject } from "../../schemas/kube.ts";
import type { ApiObject } from "../kit/api_store.ts";
import type { Manner } from "../kit/collector.ts";
import type { ReceivedSpan } from "../kit/collector_protocol.ts";
import type { Topology } from "../kit/packet/topology.ts";
import { kubeObject } from "./kube_object.ts";
import { LineChild } from "./line_child.ts";

/** A page as it was served. */
export interface Page {
  /** The HTTP status, 100–599. */
  readonly status: number;
  /** The body. */
  readonly text: string;
}

/** What a collector has. */
export interface Collected {
  readonly spans: readonly ReceivedSpan[];
  readonly requests: number;
  /** What was wrong with requests. */
  readonly faults: readonly string[];
}

/** What the program is asked. */
export type NodeQuestion =
  | { readonly do: "get"; readonly url: string }
  | { readonly do: "collector-start"; readonly port: number; readonly manner: Manner }
  | { readonly do: "collector" }
  | { readonly do: "put"; readonly url: string; readonly body: string }
  | { readonly do: "api-deny"; readonly rights: readonly string[] }
  | { readonly do: "api-start" | "api-pause" | "api-resume" | "api-compact" | "api-lists" }
  | {
    readonly do: "api-apply";
    readonly objects: readonly { readonly kind: KubeKind; readonly object: ApiObject }[];
  }
  | {
    readonly do: "api-remove";
    readonly kind: KubeKind;
    readonly namespace: string;
    readonly name: string;
  };

/** What it answers. */
interface NodeAnswers {
  readonly get: Page;
  readonly "collector-start": null;
  readonly "collector": Collected;
  readonly put: Page;
  readonly "api-deny": null;
  readonly "api-start": string;
  readonly "api-pause": null;
  readonly "api-resume": null;
  readonly "api-compact": null;
  readonly "api-lists": number;
  readonly "api-apply": null;
  readonly "api-remove": boolean;
}

/** The hand. */
export class NodeAgent implements AsyncDisposable {
  readonly #child: LineChild<NodeQuestion, NodeAnswers>;

  /**
   * Starts the program.
   *
   * @param topology Whose node.
   */
  constructor({ node }: Topology) {
    this.#child = new LineChild({
      name: "node",
      namespace: node.namespace,
      module: import.meta.resolve("./node_child.ts"),
      // 192.0.2.1 is the node as the remote client sees it.
      permissions: ["--allow-net=127.0.0.1,192.0.2.1"],
    });
  }

  /**
   * Fetches a page.
   *
   * @param url On an address of the node.
   * @returns The page, whatever its status.
   * @throws {Error} When nobody listens there.
   */
  get(url: string): Promise<Page> {
    return this.#child.ask({ do: "get", url });
  }

  /**
   * Starts a collector of traces, once.
   *
   * @param port On 127.0.0.1.
   * @param manner What becomes of requests.
   */
  async startCollector(port: number, manner: Manner = { type: "takes" }): Promise<void> {
    await this.#child.ask({ do: "collector-start", port, manner });
  }

  /**
   * What the collector has.
   *
   * @returns All of it.
   */
  collected(): Promise<Collected> {
    return this.#child.ask({ do: "collector" });
  }

  /**
   * Puts a text somewhere.
   *
   * @param url On an address of the node.
   * @param body The text.
   * @returns The answer, whatever its status.
   * @throws {Error} When nobody listens there.
   */
  put(url: string, body: string): Promise<Page> {
    return this.#child.ask({ do: "put", url, body });
  }

  /**
   * Starts the API server, once.
   *
   * @returns Its URL, for `--master`.
   */
  startApiServer(): Promise<string> {
    return this.#child.ask({ do: "api-start" });
  }

  /**
   * Has reviews deny rights.
   *
   * @param rights As `watch services`.
   */
  async deny(...rights: readonly string[]): Promise<void> {
    await this.#child.ask({ do: "api-deny", rights });
  }

  /**
   * Creates or replaces objects in the API server, be it reachable or not.
   *
   * @param objects The objects.
   */
  async apply(objects: readonly KubeObject[]): Promise<void> {
    const written = objects.map((object) => {
      // A list's items have neither.
      const { kind: _kind, apiVersion: _apiVersion, ...rest } = kubeObject(object);
      return { kind: object.kind, object: rest };
    });
    await this.#child.ask({ do: "api-apply", objects: written });
  }

  /**
   * Deletes an object in the API server.
   *
   * @param kind Its kind.
   * @param namespace Its namespace.
   * @param name Its name.
   * @returns Whether it was there.
   */
  remove(kind: KubeKind, namespace: string, name: string): Promise<boolean> {
    return this.#child.ask({ do: "api-remove", kind, namespace, name });
  }

  /** Cuts all connections to the API server and refuses new ones. */
  async pause(): Promise<void> {
    await this.#child.ask({ do: "api-pause" });
  }

  /** Lets the API server answer again, on the same port. */
  async resume(): Promise<void> {
    await this.#child.ask({ do: "api-resume" });
  }

  /** Makes the API server forget its history: old watches are answered 410. */
  async compact(): Promise<void> {
    await this.#child.ask({ do: "api-compact" });
  }

  /**
   * How many lists were asked for.
   *
   * @returns A count since the start.
   */
  lists(): Promise<number> {
    return this.#child.ask({ do: "api-lists" });
  }

  /** Ends the program. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}
