/**
 * What a test needs inside the node's network: whoever reads weir's pages, and the API server.
 *
 *     deno run --allow-net=127.0.0.1 tests/kernel/node_child.ts
 *
 * @module
 */
import { FakeApiServer } from "../kit/api_server.ts";
import { Collector } from "../kit/collector.ts";
import { answerLines } from "./line_child.ts";
import type { NodeQuestion, Page } from "./node_agent.ts";

/** Milliseconds. */
const TIMEOUT = 5_000;

let server: FakeApiServer | undefined;
let collector: Collector | undefined;

function running(): FakeApiServer {
  if (server === undefined) throw new Error('Cannot use API server "fake": it was not started');
  return server;
}

async function get(url: string, init: RequestInit = {}): Promise<Page> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT) });
  return { status: response.status, text: await response.text() };
}

await answerLines<NodeQuestion>(async (question) => {
  switch (question.do) {
    case "get":
      return await get(question.url);
    case "collector-start":
      collector = new Collector({ port: question.port });
      collector.manner = question.manner;
      return null;
    case "collector": {
      const { spans = [], requests = [] } = collector ?? {};
      const faults = requests.flatMap(({ fault }) => fault === undefined ? [] : [fault]);
      return { spans, requests: requests.length, faults };
    }
    case "put":
      return await get(question.url, { method: "PUT", body: question.body });
    case "api-start":
      server = await FakeApiServer.start();
      return server.url;
    case "api-deny":
      for (const right of question.rights) running().denied.add(right);
      return null;
    case "api-apply":
      for (const object of question.objects) running().store.apply(object.kind, object.object);
      return null;
    case "api-remove": {
      const { kind, namespace, name } = question;
      return running().store.remove(kind, namespace, name);
    }
    case "api-pause":
      return await running().pause();
    case "api-resume":
      return await running().resume();
    case "api-compact":
      return running().store.compact();
    case "api-lists":
      return running().requests.filter(({ verb }) => verb === "list").length;
  }
});
Deno.exit(0);
