/* Who looks at the pages, and what they may do. On this machine nobody logs in: then the name is asked once, before the
 * first write, and is marked as not verified wherever it goes. */
import { api } from "/static/api.js";
import { ask } from "/static/dialog.js";
import { make } from "/static/dom.js";

const ORDER = ["viewer", "analyst", "admin"];
const RETRY_MS = 2000;
const SLOW_MS = 1000;              // an empty page for longer looks broken: a Redis that hangs takes five seconds
const MINUTE_MS = 60000;
const TODAY_MS = 3600000;          // a watermark no older than that is of a stream of now, and not of one that is played again

export const session = { name: "", role: "viewer", verified: false, way: "", asks_name: false, version: "", watermark_ms: 0, now_ms: 0 };
const handlers = new Set();
let askedAt = 0;
let newest = 0;

export const onSession = (handler) => handlers.add(handler);

/** Whether this person may do what needs the role. */
export function can(role) {
  return ORDER.indexOf(session.role) >= ORDER.indexOf(role);
}

/** Asks until there is an answer: a dashboard that starts with its broker needs some seconds. */
export async function openSession(main) {
  const wait = (why) => main.replaceChildren(make("div", { class: "state", role: "status" },
    make("h1", { text: "Waiting for the server" }), make("p", { class: "soft", text: why })));
  for (;;) {
    const slow = setTimeout(() => wait("It has not answered yet."), SLOW_MS);
    try {
      take(await api.get("session"));
      return;
    } catch (problem) {
      if (!problem.passes) throw problem;
      clearTimeout(slow);
      wait(problem.message);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    } finally {
      clearTimeout(slow);
    }
  }
}

/** Up to when documents may be counted: to the end of this minute on a stream of now, else to the newest that was told of.
 * The watermark lies behind that by the lateness that documents may have. 0 where nothing was counted yet. */
export function newestMs() {
  const watermark = session.watermark_ms ?? 0;
  const wall = session.now_ms + performance.now() - askedAt;
  if (!watermark) return 0;
  if (wall - watermark < TODAY_MS) return Math.ceil(wall / MINUTE_MS) * MINUTE_MS;
  return Math.max(watermark, newest);
}

/** Told by the stream: minutes of series, [start, n, negative] each. */
export function sawMinutes(series) {
  for (const cells of Object.values(series ?? {})) for (const [start] of cells) newest = Math.max(newest, start + MINUTE_MS);
}

function take(found) {
  Object.assign(session, found);
  if (found.now_ms) askedAt = performance.now();
  api.csrf = found.csrf ?? "";
  for (const handler of handlers) handler(session);
}

/** Opens the dialog for the name. Says whether there is one now. */
export async function askName() {
  const answer = await ask({
    title: "Your name",
    text: "It stands beside what you decide: acknowledgements, verdicts, labels, and in the audit trail. Nobody logs in on this machine, so it is marked as not verified.",
    fields: [{ name: "name", label: "Name", value: session.name, required: true, maxlength: 128 }],
    confirm: "Use this name",
  });
  if (!answer) return false;
  session.asks_name = false;
  take({ ...(await api.send("PUT", "session/name", { name: answer.name })) ?? { name: answer.name }, asks_name: false });
  take(await api.get("session"));
  return true;
}

const NAMELESS = /^(session|rules\/(check|backtest))/;      // these leave nothing behind that a name would stand beside

api.beforeWrite = async (path) => {
  if (!session.asks_name || NAMELESS.test(path)) return;
  if (!(await askName())) throw new DOMException("no name was given", "AbortError");
};

export async function logOut() {
  await api.send("POST", "session/logout");
  location.assign("/login");
}
