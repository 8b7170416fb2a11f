/**
 * The part of the page's script that puts what is new in place. What stays the same stays the same
 * element: a link is not taken from under a finger that presses it, a selection not from who copies
 * it, and focus, scrolling and what was opened remain.
 *
 * @module
 */

/** The text: a function `merge(element, fresh)`. */
export const MERGE = `
  // A row is known by what it leads to, so that it stays itself when others come before it.
  function keyOf(node) {
    if (node.nodeType !== Node.ELEMENT_NODE) return "";
    if (node.id) return "#" + node.id;
    const link = node.localName === "tr" ? node.querySelector("a[href]") : null;
    return link ? link.getAttribute("href") : "";
  }

  function mergeAttributes(element, fresh) {
    for (const { name } of [...element.attributes]) {
      // Whether details are open is the reader's.
      if (name !== "open" && !fresh.hasAttribute(name)) element.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (element.getAttribute(name) !== value) element.setAttribute(name, value);
    }
  }

  function merge(element, fresh) {
    if (element.isEqualNode(fresh)) return;
    if (element.nodeType !== Node.ELEMENT_NODE) {
      element.nodeValue = fresh.nodeValue;
      return;
    }
    mergeAttributes(element, fresh);
    const wanted = new Set([...fresh.childNodes].map(keyOf));
    const known = new Map();
    for (const child of [...element.childNodes]) {
      const key = keyOf(child);
      if (key !== "" && !wanted.has(key)) child.remove();
      else if (key !== "") known.set(key, child);
    }
    let at = element.firstChild;
    for (const next of fresh.childNodes) {
      const key = keyOf(next);
      const same = key !== "" ? known.get(key) : at && keyOf(at) === "" ? at : undefined;
      if (!same || same.nodeName !== next.nodeName) {
        element.insertBefore(document.importNode(next, true), at);
        continue;
      }
      if (same === at) at = at.nextSibling;
      else element.insertBefore(same, at);
      merge(same, next);
    }
    while (at) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
  }
`;
