/* What happens while one looks: events of the stream, handed on at most once a frame.
 *
 *     live.on("alert", (events) => …, { signal });      // all that came since the last frame, oldest first
 *     live.on("reset", () => reload(), { signal });     // something may have been missed: ask for everything again
 *     live.on("state", ([state]) => …)                  // "connecting", "live", "lost"
 *
 * The browser's EventSource comes back by itself and names the last event that it had, so that none is missed. When the
 * server refuses it (it is starting, somebody logged out), EventSource gives up; then we open another after a while, which
 * knows no last event: that is a `reset` for the pages.
 */
import { address } from "/static/api.js";

const EVENTS = ["hello", "alert", "decision", "label", "trend", "health", "reset"];
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 20000;
const QUEUED = 2000;               // of one kind, in a tab that nobody looks at; more than that is a reset
const BACKGROUND_MS = 1000;        // frames are not drawn in a hidden tab: events are handed on this often

const handlers = new Map();
const queued = new Map();
let source = null;
let retryMs = FIRST_RETRY_MS;
let state = "connecting";
let scheduled = false;
let anew = false;

function on(event, handler, { signal } = {}) {
  const list = handlers.get(event) ?? handlers.set(event, new Set()).get(event);
  list.add(handler);
  signal?.addEventListener("abort", () => list.delete(handler));
}

function start() {
  source = new EventSource(address("stream", { events: "alert,decision,label,trend,health" }));
  for (const name of EVENTS) source.addEventListener(name, (event) => receive(name, event));
  source.addEventListener("open", opened);
  source.addEventListener("error", failed);
}

function opened() {
  retryMs = FIRST_RETRY_MS;
  if (anew) enqueue("reset", { why: "the connection was opened anew" });
  anew = false;
  become("live");
}

/** EventSource tells of every failure in the same way; only its state says whether it tries again by itself. */
function failed() {
  become("lost");
  if (source.readyState !== EventSource.CLOSED) return;
  source.close();
  setTimeout(start, retryMs);
  retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
  anew = true;
}

function receive(name, event) {
  let body;
  try {
    body = JSON.parse(event.data);
  } catch {
    return;                        // not ours: nothing of it can be shown
  }
  enqueue(name, body);
}

function enqueue(name, body) {
  const list = queued.get(name) ?? queued.set(name, []).get(name);
  list.push(body);
  if (list.length > QUEUED) { queued.clear(); queued.set("reset", [{ why: "too many events for this tab" }]); }
  if (scheduled) return;
  scheduled = true;
  if (document.hidden) setTimeout(hand, BACKGROUND_MS);
  else requestAnimationFrame(hand);
}

function hand() {
  scheduled = false;
  const all = [...queued];
  queued.clear();
  for (const [name, events] of all) for (const handler of [...(handlers.get(name) ?? [])]) handler(events);
}

function become(next) {
  if (state === next) return;
  state = next;
  for (const handler of [...(handlers.get("state") ?? [])]) handler([state]);
}

export const live = { on, start, get state() { return state; }, close: () => source?.close() };
window.addEventListener("pagehide", () => source?.close());
window.addEventListener("pageshow", (event) => { if (event.persisted) { enqueue("reset", { why: "the page came back" }); start(); } });
