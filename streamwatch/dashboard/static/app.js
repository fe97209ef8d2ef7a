/* The main module: it starts the shell and hands each address to its page.
 *
 * How a page module looks (pages/<noun>.js), and all that it needs to know:
 *
 *     import { make } from "/static/dom.js";
 *
 *     export const page = {
 *       path: "/alerts/:id",            // ":name" is one part of the path; it comes as context.params.name
 *       title: "Alert",                 // of the window; a page may set a better one with context.setTitle(text)
 *       nav: "/alerts",                 // only where another entry of the navigation is to be marked
 *       mount(root, context) { … },     // draws into root (an empty <div>); may be async
 *       unmount() { … },                // optional; context.signal is aborted first, listeners given it are gone
 *     };
 *
 * Then add it to `pages.js`, and its styles to css/<noun>.css by `css: ["<noun>"]` on the page. What context holds:
 *
 *     api         get(path, params, {signal}), send(method, path, body); both throw Problem (api.js)
 *     live        on(event, handler, {signal}): events of the stream, at most once a frame (live.js)
 *     time        at(ms), clock(ms), ago(ms), zone(): the zone people chose, always named (time.js)
 *     session     {name, role, verified, …}; can("analyst") says whether this person may
 *     params      parts of the path;  query: URLSearchParams of the address
 *     setQuery(changes, {push})       writes the address without mounting again (null removes a name)
 *     navigate(href)                  goes to another page of ours
 *     keys(bindings)                  {"j": {text: "Next", run(event)}}: until unmount, listed in the help (keys.js)
 *     toast(text, {bad, action})      a short message; announce(text): the same for screen readers alone
 *     ask(options)                    a dialog with fields; resolves to their values, or null (dialog.js)
 *     region(root, {load, draw})      loading, empty, failed and drawn states of a part of a page (region.js)
 *     watchlist                       names(): Set of series to keep to, or null; onChange(handler, {signal})
 *     signal                          aborted when the page is left
 *     setTitle(text)                  the window's title
 *
 * Rules of the house: text from outside enters the page by textContent alone (dom.js has no other way), there is no style
 * attribute and no inline script (the content security policy refuses them; `styles:` of dom.js sets custom properties),
 * nothing is asked of another host, and everything works by keyboard alone.
 */
import { api } from "/static/api.js";
import { ask } from "/static/dialog.js";
import { make } from "/static/dom.js";
import { keys, startKeys } from "/static/keys.js";
import { live } from "/static/live.js";
import { region } from "/static/region.js";
import { match } from "/static/pages.js";
import { Router, sheet } from "/static/router.js";
import { can, openSession, session } from "/static/session.js";
import { drawShell, markPage } from "/static/shell.js";
import { time } from "/static/time.js";
import { announce, toast } from "/static/toast.js";
import { watchlist } from "/static/watchlist.js";

const main = document.getElementById("main");
let router = null;

/** What a page is given. Made anew for each visit, so that its signal ends with it. */
function contextFor(page, params, signal) {
  return {
    api, live, time, session, can, ask, toast, announce, watchlist, signal, params,
    get query() { return new URLSearchParams(location.search); },
    setQuery: (changes, options) => router.setQuery(changes, options),
    navigate: (href) => router.navigate(href),
    keys: (bindings) => keys(bindings, signal),
    region: (root, options) => region(root, { signal, ...options }),
    setTitle: (text) => { document.title = `${text} · streamwatch`; },
  };
}

/** Puts one page in place of the other. A page that cannot be drawn says so; the shell stays. */
async function show(page, params, signal) {
  const root = make("div", { class: "page" });
  main.replaceChildren(root);
  markPage(page.nav ?? page.path);
  document.title = `${page.title} · streamwatch`;
  try {
    await page.mount(root, contextFor(page, params, signal));
  } catch (error) {
    if (!signal.aborted) root.replaceChildren(broken(error));
  }
}

function broken(error) {
  console.error(error);
  return make("div", { class: "state", role: "alert" },
    make("h1", { text: "This page could not be drawn" }),
    make("p", { class: "soft", text: String(error?.message ?? error) }),
    make("button", { class: "button", text: "Load it again", on: { click: () => location.reload() } }));
}

/** Where we are now in words, for screen readers: the browser does not tell them of a page that scripts change. */
function arrive(signal) {
  window.scrollTo(0, 0);
  if (readHeading()) return;
  main.focus({ preventScroll: true });       // its heading comes with what the server says
  const waiting = new MutationObserver(() => { if (document.activeElement !== main || readHeading()) waiting.disconnect(); });
  waiting.observe(main, { childList: true, subtree: true });
  signal.addEventListener("abort", () => waiting.disconnect());
}

function readHeading() {
  const heading = main.querySelector("h1");
  if (heading) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
  return heading;
}

/** What the first page needs is asked for at once: its module, who looks, their watchlists. */
async function start() {
  const entry = match(location.pathname)?.[0];
  entry?.load().catch(() => {});             // the router says what is wrong with it
  entry?.css.forEach(sheet);
  await Promise.all([openSession(main), watchlist.open()]);
  router = new Router({ show, arrive });
  drawShell(document.getElementById("bar"), router);
  startKeys(router);
  live.start();
  router.start();
}

start().catch((error) => main.replaceChildren(broken(error)));
