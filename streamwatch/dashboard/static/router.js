/* Real addresses: a link is a link, Back goes back, and what is filtered stands in the address so that it can be sent on. */
import { make } from "/static/dom.js";
import { match } from "/static/pages.js";

const sheets = new Map();

const missing = {
  path: "", title: "No such page",
  mount(root) {
    root.append(make("div", { class: "state" },
      make("h1", { text: "There is no such page" }),
      make("p", { class: "soft", text: `Nothing is kept at ${location.pathname}.` }),
      make("a", { class: "button", href: "/", text: "To the overview" })));
  },
};

export class Router {
  constructor({ show, arrive }) {
    this.show = show;
    this.arrive = arrive;
    this.page = null;
    this.leaving = new AbortController();
  }

  start() {
    document.addEventListener("click", (event) => this.follow(event));
    window.addEventListener("popstate", () => this.open(false));
    return this.open(false);
  }

  /** Clicks on links to our own pages stay in this document; all others are the browser's. */
  follow(event) {
    const link = event.target.closest?.("a[href]");
    if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.origin !== location.origin || link.target || link.hasAttribute("download") || !match(link.pathname)) return;
    if (link.hash && link.pathname === location.pathname) return;
    event.preventDefault();
    this.navigate(link.pathname + link.search);
  }

  navigate(href) {
    if (href !== location.pathname + location.search) history.pushState(null, "", href);
    return this.open(true);
  }

  setQuery(changes, { push = false } = {}) {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(changes)) {
      query.delete(name);
      for (const one of [value].flat()) if (one !== null && one !== undefined && one !== "") query.append(name, one);
    }
    const href = location.pathname + (query.size ? `?${query}` : "");
    if (href !== location.pathname + location.search) history[push ? "pushState" : "replaceState"](null, "", href);
  }

  async open(moved) {
    this.leaving.abort();
    this.page?.unmount?.();
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    const [entry, params] = match(location.pathname) ?? [{ css: [], load: async () => ({ page: missing }) }, {}];
    const page = await this.load(entry);
    if (signal.aborted) return;
    this.page = page;
    await this.show(page, params, signal);
    if (moved && !signal.aborted) this.arrive(signal);
  }

  async load(entry) {
    try {
      const [module] = await Promise.all([entry.load(), ...entry.css.map(sheet)]);
      return module.page;
    } catch (error) {
      return { path: entry.path, title: "Not loaded", mount() { throw error; } };
    }
  }
}

/** Loads a style sheet once, and waits for it: a page never shows without its looks. */
export function sheet(name) {
  const href = `/static/css/${name}.css`;
  if (!sheets.has(href)) {
    sheets.set(href, new Promise((resolve) => {
      document.head.append(make("link", { rel: "stylesheet", href, on: { load: resolve, error: resolve } }));
    }));
  }
  return sheets.get(href);
}
