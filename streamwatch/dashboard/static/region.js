/* A part of a page that comes from the server: waiting, empty, failed or drawn, each of them said.
 *
 *     const list = context.region(root, { load: (signal) => api.get("series", {}, { signal }), draw: (answer) => [nodes] });
 *     list.reload();
 *
 * What was drawn stays while it is asked for again, and when that fails, with a line above it that says so. What can pass
 * (a lost Redis, a server that restarts) is tried again without anybody doing anything.
 */
import { make } from "/static/dom.js";

const SKELETON_MS = 180;           // faster answers come without a flicker
const RETRY_S = 5;

export function region(root, { load, draw, signal, rows = 6, label = "" }) {
  const body = make("div", { class: "region-body" });
  const note = make("div", { class: "region-note", role: "status" });
  root.replaceChildren(note, body);
  let asking = null;
  let drawn = false;
  let timer = 0;

  async function reload() {
    asking?.abort();
    clearTimeout(timer);
    const mine = (asking = new AbortController());
    signal?.addEventListener("abort", () => { mine.abort(); clearTimeout(timer); });
    root.setAttribute("aria-busy", "true");
    const waiting = setTimeout(() => { if (!drawn) body.replaceChildren(skeleton(rows, label)); }, SKELETON_MS);
    try {
      const answer = await load(mine.signal);
      if (mine.signal.aborted) return;
      note.replaceChildren();
      put(body, [draw(answer)].flat().filter(Boolean));
      drawn = true;
    } catch (problem) {
      if (mine.signal.aborted || problem.name === "AbortError") return;
      fail(problem);
    } finally {
      clearTimeout(waiting);
      if (mine === asking) root.removeAttribute("aria-busy");
    }
  }

  function fail(problem) {
    if (problem.status === undefined) console.error(problem);
    const seconds = problem.retryAfterS ?? RETRY_S;
    const words = failed(problem, problem.passes ? seconds : null, reload);
    if (drawn) note.replaceChildren(words);
    else { note.replaceChildren(); body.replaceChildren(words); }
    if (problem.passes) timer = setTimeout(reload, seconds * 1000);
  }

  reload();
  return { reload, root, get drawn() { return drawn; } };
}

/** Puts nodes in the place of others. Those that are there already are not touched, and who has the focus keeps it: on the
 * same button or link of the new ones. */
function put(body, nodes) {
  if (nodes.length === body.childNodes.length && nodes.every((node, i) => node === body.childNodes[i])) return;
  const focused = body.contains(document.activeElement) ? document.activeElement : null;
  body.replaceChildren(...nodes);
  if (!focused) return;
  const like = body.contains(focused) ? focused : [...body.querySelectorAll(focused.localName)].find((one) => one.textContent === focused.textContent);
  like?.focus({ preventScroll: true });
}

/** What failed, in the server's words, and what happens next. */
export function failed(problem, retryS, retry) {
  return make("div", { class: "failure" },
    make("strong", { text: problem.title || "This could not be loaded" }),
    make("span", { text: problem.message }),
    retryS ? make("span", { class: "soft", text: `Tried again every ${Math.round(retryS)} s.` }) : null,
    make("button", { type: "button", class: "button small", text: "Try again", on: { click: retry } }));
}

/** Grey bars in the place of rows that are on their way. */
export function skeleton(rows, label) {
  return make("div", { class: "skeleton", role: "status" }, make("span", { class: "unseen", text: `${label || "This part"} is loading` }),
    Array.from({ length: rows }, () => make("i")));
}

/** Nothing there, and why that is or what to do about it. */
export function empty(title, text = "", ...actions) {
  return make("div", { class: "state" }, make("strong", { text: title }), text && make("p", { class: "soft", text }), ...actions);
}
