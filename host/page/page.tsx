/**
 * The page: every view under its path, read-only.
 *
 * @module
 */
import { type Context, Hono } from "hono";
import type { Child } from "hono/jsx";
import { messageOf } from "../../schemas/errors.ts";
import type { Clock } from "../clock.ts";
import { Document, type ViewPath } from "./document.tsx";
import type { PageFacts } from "./facts.ts";
import { Live } from "./live.ts";
import { Overview } from "./overview.tsx";
import { PluginList } from "./plugin_list.tsx";
import { ProfileView } from "./profile_view.tsx";
import { pageHeaders } from "./protection.ts";
import { SCRIPT } from "./script.ts";
import { findServices } from "./service_list.ts";
import { ServicePicture } from "./service_picture.tsx";
import { ServiceTable } from "./service_table.tsx";
import { STYLE } from "./style.ts";
import { Sync, Syncs } from "./sync_views.tsx";
import { shown } from "./words.ts";

/** Syncs that are shown at most: as many as the host keeps. */
const MOST_SYNCS = 256;
/** Syncs of the list. */
const LISTED_SYNCS = 100;

/** What a request comes with. */
export interface PageBindings {
  /** Aborts when the server that answers is to end. */
  readonly closing: AbortSignal;
}

/** What a request comes with, and what is known of it while it is answered. */
interface PageEnvironment {
  readonly Bindings: PageBindings;
  readonly Variables: {
    /** The version of what it is told, or of what came before. */
    readonly seen: string;
  };
}

/** A view, before it is framed. */
interface View {
  readonly at: ViewPath;
  readonly title: string;
  readonly body: Child;
  readonly status?: 404;
}

/** A short text that differs, but for one in four thousand million, when another does (FNV-1a). */
function digest(text: string): string {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return (hash >>> 0).toString(36);
}

/** Differs whenever a view would. */
function versionOf(
  { revisions, tracker, traces, plugins, health, profiles, startedAt }: PageFacts,
): string {
  const { services, endpointSlices } = tracker.pending;
  return digest([
    startedAt,
    revisions.revision,
    tracker.size,
    services + endpointSlices,
    traces.last(1)[0]?.traceId,
    health().code,
    ...plugins().map(({ name, state, restarts }) => `${name} ${state.type} ${restarts}`),
    ...[...profiles?.().values() ?? []].map((profile) => profile?.startedAt),
  ].join("|"));
}

function pageNumber(text: string | undefined): number {
  const number = Number(text ?? 1);
  return Number.isSafeInteger(number) ? number : 1;
}

function notFound(at: ViewPath, what: string): View {
  return { at, title: "Not found", status: 404, body: <p>{what}</p> };
}

/**
 * Makes the page's routes.
 *
 * @param facts What it shows.
 * @param clock Time.
 * @returns A Hono application.
 */
export async function pageApp(
  facts: PageFacts,
  clock: Clock,
): Promise<Hono<PageEnvironment>> {
  const headers = await pageHeaders(STYLE, SCRIPT);
  const live = new Live({ version: () => versionOf(facts), clock });
  const text = (context: Context, body: string, status: 403 | 503) =>
    context.body(`${body}\n`, status, { ...headers, "Content-Type": "text/plain; charset=utf-8" });
  const framed = (
    context: Context<PageEnvironment>,
    { at, title, body, status = undefined }: View,
  ) =>
    context.html(
      <Document facts={facts} at={at} title={title} seen={context.get("seen")}>{body}</Document>,
      status ?? 200,
      headers,
    );
  const { traces, plugins, profiles } = facts;
  return new Hono<PageEnvironment>()
    .use(async (context, next) => {
      facts.looked();
      // Before anything is read: what changes meanwhile is news to who is shown this.
      context.set("seen", versionOf(facts));
      await next();
    })
    .get("/", (context) =>
      framed(context, {
        at: "/",
        title: "Overview",
        body: <Overview facts={facts} kept={MOST_SYNCS} />,
      }))
    .get("/services", (context) => {
      const search = {
        text: (context.req.query("q") ?? "").slice(0, 200),
        unserved: context.req.query("unserved") === "1",
        page: pageNumber(context.req.query("page")),
      };
      const result = findServices(facts, search);
      return framed(context, {
        at: "/services",
        title: "Services",
        body: <ServiceTable search={search} result={result} />,
      });
    })
    .get("/services/:namespace/:name", async (context) => {
      const { namespace, name } = context.req.param();
      const service = `${namespace}/${name}`;
      try {
        const explanation = await facts.explain(service);
        return framed(context, {
          at: "/services",
          title: shown(service, 320),
          body: (
            <ServicePicture
              name={service}
              explanation={explanation}
              page={pageNumber(context.req.query("ports"))}
            />
          ),
          ...(explanation.service === undefined ? { status: 404 } as const : {}),
        });
      } catch (thrown) {
        return framed(context, notFound("/services", shown(messageOf(thrown))));
      }
    })
    .get("/syncs", (context) =>
      framed(context, {
        at: "/syncs",
        title: "Syncs",
        body: <Syncs traces={traces.last(LISTED_SYNCS)} />,
      }))
    .get("/syncs/:id", (context) => {
      const trace = traces.find(context.req.param("id"));
      return framed(
        context,
        trace === undefined
          ? notFound("/syncs", "That sync is not kept any more.")
          : { at: "/syncs", title: "Sync", body: <Sync trace={trace} /> },
      );
    })
    .get("/plugins", (context) =>
      framed(context, {
        at: "/plugins",
        title: "Plugins",
        body: <PluginList plugins={plugins()} />,
      }))
    .get("/profile", (context) =>
      framed(context, {
        at: "/profile",
        title: "Profile",
        body: (
          <ProfileView
            profiles={profiles?.()}
            subject={context.req.query("of")}
            focus={context.req.query("focus")}
          />
        ),
      }))
    .get("/live", (context) => {
      // Another site could not read it, but take the places of those who may.
      const site = context.req.header("Sec-Fetch-Site") ?? "same-origin";
      if (site !== "same-origin") return text(context, "Only the page itself may listen", 403);
      const type = { ...headers, "Content-Type": "text/event-stream" };
      if (context.req.method === "HEAD") return context.body(null, 200, type);
      const stream = live.listen(context.env.closing, context.req.query("seen"));
      if (stream === undefined) return text(context, "Too many pages listen", 503);
      return context.body(stream, 200, type);
    });
}
