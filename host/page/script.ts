/**
 * The page's script: it keeps what is shown up to date and searches while one types. Without it
 * everything can be read, and a search takes a press of Enter.
 *
 * It is written as a browser runs it, because the page's policy lets a browser run this text only.
 *
 * @module
 */

/** The text. */
export const SCRIPT = `"use strict";
(() => {
  const status = document.getElementById("live");
  const button = document.createElement("button");
  let source, timer, busy = false, again = false, paused = false, refreshedAt = 0;

  function say(text, state) {
    status.textContent = text;
    status.dataset.state = state;
  }

  function focusKey(element) {
    if (element.localName === "summary") return "summary of " + element.parentElement.id;
    return element.id || element.getAttribute("href") || element.getAttribute("aria-label");
  }

  function replace(part, fresh) {
    if (part.isEqualNode(fresh)) return;
    const active = part.contains(document.activeElement) ? focusKey(document.activeElement) : null;
    const open = new Set([...part.querySelectorAll("details[open]")].map((each) => each.id));
    const scrolled = [...part.querySelectorAll("[data-scroll]")].map((each) => each.scrollLeft);
    const next = document.importNode(fresh, true);
    for (const each of next.querySelectorAll("details")) each.open = each.open || open.has(each.id);
    part.replaceWith(next);
    [...next.querySelectorAll("[data-scroll]")].forEach((each, at) => each.scrollLeft = scrolled[at] || 0);
    if (active === null) return;
    const all = next.querySelectorAll("a, button, summary, [tabindex]");
    const again = [...all].find((each) => focusKey(each) === active);
    if (again) again.focus({ preventScroll: true });
  }

  async function refresh() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok && answer.status !== 404) throw new Error(answer.statusText);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.title = fresh.title;
      for (const part of document.querySelectorAll("[data-live]")) {
        const next = fresh.getElementById(part.id);
        if (next) replace(part, next);
      }
      refreshedAt = Date.now();
    } catch {
      say("weir does not answer", "away");
    }
    busy = false;
    if (again) {
      again = false;
      refresh();
    }
  }

  // However fast things change, nobody reads faster than this.
  function refreshSoon() {
    if (timer || paused || document.hidden) return;
    timer = setTimeout(() => {
      timer = undefined;
      refresh();
    }, Math.max(0, 500 - (Date.now() - refreshedAt)));
  }

  function listen() {
    source = new EventSource("/live");
    source.onopen = () => {
      say("Live", "live");
      refreshSoon();
    };
    source.addEventListener("news", refreshSoon);
    source.onerror = () => {
      say("weir does not answer", "away");
      // A browser gives up after an answer such as 503: too many pages listen.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => !paused && listen(), 5000);
    };
  }

  button.type = "button";
  button.textContent = "Pause";
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    if (paused) {
      source.close();
      say("Paused", "paused");
    } else listen();
  });
  status.after(button);

  document.addEventListener("visibilitychange", refreshSoon);
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => event.persisted && !paused && listen());

  const form = document.getElementById("search");
  if (form) {
    let typing;
    const search = () => {
      const query = new URLSearchParams(new FormData(form));
      for (const [name, value] of [...query]) if (value === "") query.delete(name);
      history.replaceState(null, "", query.size ? "?" + query : location.pathname);
      refresh();
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
