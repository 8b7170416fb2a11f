/**
 * The page's script: it keeps what is shown up to date, says when it no longer is, and searches
 * while one types. Without it everything can be read, and a search takes a press of Enter.
 *
 * It is written as a browser runs it, because the page's policy lets a browser run this text only.
 *
 * @module
 */
import { MERGE } from "./merge.ts";

/** The text. */
export const SCRIPT = `"use strict";
(() => {
  const status = document.getElementById("live");
  const stale = document.getElementById("stale");
  const button = document.createElement("button");
  const told = document.createElement("p");
  let source, timer, staleTimer, busy = false, again = false, paused = false, refreshedAt = 0, took = 0;
  // When what is shown was known to be true, and when weir was heard last.
  let trueAt = Date.now(), heardAt = trueAt;
${MERGE}
  function say(text, state) {
    if (status.textContent !== text) status.textContent = text;
    status.dataset.state = state;
  }

  function clock(at) {
    return new Date(at).toISOString().slice(11, 19) + " UTC";
  }

  function heard() {
    heardAt = Date.now();
  }

  // Nobody may take for the present what is the past.
  function away() {
    say("weir does not answer", "away");
    // A restart takes a moment, and is no news.
    staleTimer ??= setTimeout(() => {
      stale.textContent = "weir does not answer. What is shown here was so at " + clock(trueAt) +
        ", and may not be any more.";
      stale.hidden = false;
      document.body.dataset.stale = "";
    }, 3000);
  }

  function present() {
    clearTimeout(staleTimer);
    staleTimer = undefined;
    stale.hidden = true;
    delete document.body.dataset.stale;
  }

  // True when weir answered.
  async function refresh() {
    if (busy) {
      again = true;
      return true;
    }
    busy = true;
    let answered = true;
    const begun = Date.now();
    try {
      const answer = await fetch(location.href, {
        headers: { Accept: "text/html" },
        signal: AbortSignal.timeout(10_000),
      });
      if (!answer.ok && answer.status !== 404) throw new Error(answer.statusText);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.title = fresh.title;
      document.body.dataset.seen = fresh.body.dataset.seen;
      for (const part of document.querySelectorAll("[data-live]")) {
        const next = fresh.getElementById(part.id);
        if (next) merge(part, next);
      }
      trueAt = refreshedAt = Date.now();
      took = refreshedAt - begun;
      present();
    } catch {
      answered = false;
      away();
    }
    busy = false;
    if (again) {
      again = false;
      return await refresh();
    }
    return answered;
  }

  // However fast things change, nobody reads faster than this; and who looks at what takes weir long
  // must not keep it busy.
  function refreshSoon() {
    if (timer || paused || document.hidden) return;
    timer = setTimeout(() => {
      timer = undefined;
      if (!paused) refresh();
    }, Math.max(0, Math.max(500, 10 * took) - (Date.now() - refreshedAt)));
  }

  // Too many pages listen: this one asks by itself.
  async function poll(lost) {
    if (paused || source !== lost) return;
    if (document.hidden || await refresh()) say("Every 5 s", "live");
    setTimeout(() => !paused && source === lost && listen(), 5000);
  }

  function listen() {
    source?.close();
    heard();
    // A browser that finds the connection lost asks by the same address: then the page is older.
    const own = source = new EventSource("/live?seen=" + document.body.dataset.seen);
    own.onopen = () => {
      heard();
      say("Live", "live");
      if (!stale.hidden || staleTimer) refreshSoon();
    };
    own.addEventListener("news", () => {
      heard();
      refreshSoon();
    });
    // Nothing is new, but times and rates have gone on.
    own.addEventListener("beat", () => {
      heard();
      refreshSoon();
    });
    own.onerror = () => {
      // A browser gives up after an answer such as 503.
      if (own.readyState === EventSource.CLOSED) poll(own);
      else away();
    };
  }

  // A node without power says nothing: no connection ends by that.
  setInterval(() => {
    if (paused || source.readyState === EventSource.CLOSED || Date.now() - heardAt < 40_000) return;
    away();
    listen();
  }, 5000);

  button.type = "button";
  button.textContent = "Pause";
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    if (paused) {
      source.close();
      say("Paused at " + clock(Date.now()), "paused");
    } else {
      listen();
      refreshSoon();
    }
  });
  status.after(button);

  document.addEventListener("visibilitychange", refreshSoon);
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => {
    if (!event.persisted || paused) return;
    listen();
    refreshSoon();
  });

  const form = document.getElementById("search");
  if (form) {
    told.className = "unseen";
    told.setAttribute("role", "status");
    form.after(told);
    let typing;
    const search = async () => {
      const query = new URLSearchParams(new FormData(form));
      for (const [name, value] of [...query]) if (value === "") query.delete(name);
      history.replaceState(null, "", query.size ? "?" + query : location.pathname);
      await refresh();
      // Only who has searched is told how much was found: the cluster's changes would never end.
      told.textContent = document.getElementById("count").textContent;
    };
    form.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(search, 150);
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(typing);
      search();
    });
  }
  listen();
})();
`;
