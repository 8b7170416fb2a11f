/**
 * The API server: whether it is reached, whether weir may read what it must, whether the clocks
 * agree.
 *
 * @module
 */
import * as v from "valibot";
import { messageOf, WeirError } from "../../schemas/errors.ts";
import type { ApiAnswer, ApiClient } from "../source/kube/client.ts";
import { resources } from "../source/kube/resource.ts";
import { failure, good, skipped, type Tick, type TickGroup, warning } from "./tick.ts";

/** What the check stands on. */
export interface ApiServerQuestions {
  readonly client: Pick<ApiClient, "get" | "post">;
  readonly nodeName: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Ends it. */
  readonly signal: AbortSignal;
}

const REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

const ReviewSchema = v.object({
  status: v.object({
    allowed: v.boolean(),
    reason: v.optional(v.string(), ""),
    evaluationError: v.optional(v.string(), ""),
  }),
});

/**
 * Milliseconds between two clocks that matter: tokens and certificates of a few minutes are refused
 * then, and the times in metrics and traces mean nothing. The header Date counts seconds.
 */
const SKEWED_MS = 5_000;
const FAR_MS = 60_000;

async function bodyOf({ body }: ApiAnswer): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of body) text += decoder.decode(part, { stream: true });
  return text + decoder.decode();
}

function clockTick(date: string, sentAt: number, gotAt: number): Tick {
  const server = Date.parse(date);
  if (Number.isNaN(server)) return skipped("clock: the API server does not tell its time");
  // The truth is somewhere in the second that Date begins, seen at some time of the request.
  const ahead = sentAt - (server + 1_000);
  const behind = server - gotAt;
  const skew = Math.max(ahead, behind, 0);
  const side = ahead > behind ? "ahead of" : "behind";
  if (skew < SKEWED_MS) return good("this node's clock agrees with the API server's");
  const what = `this node's clock is ${Math.round(skew / 1000)} s ${side} the API server's`;
  const remedy = "set it by NTP (chrony or systemd-timesyncd): tokens, certificates and metrics " +
    "depend on it";
  return skew < FAR_MS ? warning(what, remedy) : failure(what, remedy);
}

async function review(
  questions: ApiServerQuestions,
  resource: ReturnType<typeof resources>[number],
  verb: "list" | "watch",
): Promise<Tick> {
  const { client, nodeName, signal } = questions;
  const { group, plural, kind, without } = resource;
  const name = group === "" ? plural : `${plural}.${group}`;
  const what = `${verb} ${name}`;
  // Node is asked for by its name, so that a rule with resourceNames is enough.
  const named = kind === "Node" ? { name: nodeName } : {};
  const answer = await client.post(REVIEWS, {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    spec: { resourceAttributes: { group, resource: plural, verb, ...named } },
  }, signal).catch((thrown) => thrown);
  if (answer instanceof Error) {
    return warning(`cannot tell whether weir may ${what}`, answer.message);
  }
  const read = v.safeParse(ReviewSchema, JSON.parse(await bodyOf(answer)));
  if (!read.success) {
    return warning(`cannot tell whether weir may ${what}`, "the answer is no review");
  }
  const { allowed, reason, evaluationError } = read.output.status;
  if (allowed) return good(`may ${what}`);
  const remedy =
    `grant it by a ClusterRole (system:node-proxier has services, endpointslices and ` +
    `nodes)${
      [reason, evaluationError].filter((text) => text !== "").map((text) => `; ${text}`).join("")
    }`;
  return without === undefined
    ? failure(`may not ${what}`, remedy)
    : warning(`may not ${what}: ${without}`, remedy);
}

/** What to do without credentials that can be used. */
export const NO_CREDENTIALS =
  "give --kubeconfig a file that is there and that weir may read (its permissions on disk, and " +
  "Deno's --allow-read), run weir in a pod with a service account, or give it --manifests";

/** What to do when there is no first answer. */
function remedyOf(thrown: unknown): string {
  return thrown instanceof WeirError && thrown.code === "WEIR_CREDENTIALS"
    ? NO_CREDENTIALS
    : "look whether the server of the kubeconfig (or KUBERNETES_SERVICE_HOST, or --master) is right, " +
      "can be reached from this node and takes these credentials: " +
      "kubectl --kubeconfig=FILE get --raw /version";
}

/**
 * Looks at the API server.
 *
 * @param questions What is asked.
 * @returns The groups.
 */
export async function checkApiServer(
  questions: ApiServerQuestions,
): Promise<readonly TickGroup[]> {
  const { client, now, signal, nodeName } = questions;
  const sentAt = now();
  let answer: ApiAnswer;
  let gotAt: number;
  let version: string;
  try {
    answer = await client.get("/version", signal);
    gotAt = now();
    const read = v.safeParse(
      v.object({ gitVersion: v.string() }),
      JSON.parse(await bodyOf(answer)),
    );
    version = read.success ? ` (${read.output.gitVersion})` : "";
  } catch (thrown) {
    const what = `the API server cannot be used: ${messageOf(thrown)}`;
    const ticks = [failure(what, remedyOf(thrown))];
    return [{ title: "API server", ticks }];
  }
  const rights: Tick[] = [];
  for (const resource of resources(nodeName)) {
    for (const verb of ["list", "watch"] as const) {
      rights.push(await review(questions, resource, verb));
    }
  }
  return [
    {
      title: "API server",
      ticks: [good(`the API server answers${version}`), clockTick(answer.date, sentAt, gotAt)],
    },
    { title: "Rights (RBAC)", ticks: rights },
  ];
}
