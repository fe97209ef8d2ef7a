/* Health: does everything arrive, is everything counted, how far behind are we. And what could not be used. */
import { make } from "/static/dom.js";
import { count, plural } from "/static/format.js";
import { DeadLetters } from "/static/parts/dead-letters.js";
import { badge } from "/static/parts/words.js";
import { throttle } from "/static/throttle.js";

const REFRESH_MS = 3000;
const STATES = { ok: ["good", "all is well"], degraded: ["warning", "degraded"], down: ["critical", "down"] };
const ALARMS = [
  ["holes", "Holes", "Documents that a record says were sent, and that never came"], ["lost", "Lost", "Deleted by retention before they were read"],
  ["missed", "Missed", "Came after their bucket was closed: in the windows, not in the tests"], ["unread", "Unread", "Texts that the model cannot read"],
  ["late", "Late", "Older than the tests take on arrival: in the windows only"], ["redelivered", "Redelivered", "Came a second time and were counted once"],
  ["series_refused", "Series refused", "More series than are kept in a day"],
];
const BALANCE = [["consumed", "Consumed"], ["classified", "Classified"], ["duplicate", "Duplicates"], ["dead_lettered", "Dead-lettered"]];

export const page = {
  path: "/health",
  title: "Health",

  mount(root, context) {
    const state = make("span", { role: "status" });
    const body = make("div");
    const letters = make("div");
    root.append(make("div", { class: "page-head" }, make("div", {}, make("h1", {}, "Health "), make("p", { class: "soft" }, state))), body,
      make("section", { class: "card letters", "aria-label": "Dead letters" }, letters));
    const part = context.region(body, {
      label: "Health", rows: 6,
      load: (signal) => context.api.get("health", {}, { signal }),
      draw: (found) => { say(state, found); return draw(found, context); },
    });
    new DeadLetters(letters, context);
    context.live.on("health", throttle(part.reload, 500, context.signal), context);
    context.live.on("reset", part.reload, context);
    context.time.onChange(part.reload, context);
    const timer = setInterval(() => { if (!document.hidden) part.reload(); }, REFRESH_MS);
    context.signal.addEventListener("abort", () => clearInterval(timer));
  },
};

function say(state, found) {
  const [kind, word] = STATES[found.state] ?? ["plain", found.state];
  if (state.dataset.said === word) return;            // a status is read out when it changes, not every few seconds
  state.dataset.said = word;
  state.replaceChildren(badge(kind, word));
}

function draw(found, context) {
  return make("div", { class: "health-grid" }, reasons(found, context), balance(found.balance ?? {}), flow(found, context), alarms(found), servers(found, context), lag(found.lag ?? []));
}

/** What waits for a person, in the server's words. */
function reasons({ reasons: found = [], drift_alarms: drift = [] }, { time }) {
  if (!found.length && !drift.length) return null;
  return make("section", { class: "card wide reasons", "aria-label": "What waits for somebody" }, make("ul", { class: "card-body" }, found.map((text) => make("li", { text })),
    drift.map((one) => make("li", {}, make("a", { href: `/alerts/${encodeURIComponent(one.alert)}`, text: `Drift of ${one.series}` }), ` since ${time.at(one.since_ms)} ${time.zone()}: ${one.monitor.replaceAll("_", " ")}`))));
}

function card(title, hint, ...content) {
  return make("section", { class: "card", "aria-label": title }, make("div", { class: "card-head" }, make("h2", { text: title }), hint ? make("span", { class: "hint", text: hint }) : null), make("div", { class: "card-body" }, ...content));
}

/** consumed = classified + duplicates + dead-lettered, as a sum that anybody can check. */
function balance(found) {
  const whole = found.difference === 0;
  const terms = BALANCE.map(([key, name], i) => make("div", { class: "term", "data-sign": [null, "="][i] ?? (i > 1 ? "+" : null) }, make("dd", { text: count(found[key]) }), make("dt", { text: name })));
  return card("Every document counted once", "", make("dl", { class: "balance" }, terms),
    make("p", { class: whole ? "soft" : "strong negative" }, badge(whole ? "good" : "critical", whole ? "balanced" : "does not balance"), whole ? "" : ` ${count(found.difference)} documents are not accounted for.`));
}

function fact(name, value, more = "", bad = false) {
  return make("div", {}, make("dt", { text: name, title: more || null }), make("dd", { class: bad ? "negative" : null, text: value }));
}

function flow(found, { time }) {
  return card("Flow", "",
    make("dl", { class: "facts" },
      fact("Documents a second", Number.isFinite(found.rate_per_s) ? found.rate_per_s.toFixed(found.rate_per_s < 10 ? 1 : 0) : "–"),
      fact(`Watermark, ${time.zone()}`, found.watermark_ms > 0 ? time.at(found.watermark_ms) : "–", "Event time up to which everything has been counted"),
      fact("Behind the clock", Number.isFinite(found.watermark_lag_s) ? time.span(found.watermark_lag_s * 1000) : "–", "The watermark against the wall clock; large while an old stream is played")));
}

function alarms(found) {
  return card("What should stay at nothing", "", make("dl", { class: "facts" }, ALARMS.map(([key, name, more]) => fact(name, count(found[key]), more, (key === "holes" || key === "lost") && found[key] > 0))));
}

function servers(found, context) {
  const rows = [["Redis", found.redis], ["Broker", found.broker], ["Document store", found.indexer]].filter(([, one]) => one);
  return card("Servers", "", make("ul", { class: "servers" }, rows.map(([name, one]) => make("li", {}, make("strong", { text: name }), up(one), make("span", { class: "soft", text: words(one, context) })))));
}

function up(one) {
  const well = one.ok ?? one.up ?? (one.state === undefined ? null : one.state === "ok");
  return well === null ? null : badge(well ? "good" : "critical", well ? "answers" : "does not answer");
}

/** What a server says besides whether it is well. */
function words(one, { time }) {
  const { why, version, policy, used_bytes: used, follows_with_lag_s: behind, lag, n_documents: n, n_bytes: kept, reaches_back_to_ms: since } = one;
  return [why, version && `version ${version}`, used > 0 && `${megabytes(used)} used`, policy && `when full: ${policy}`,
    Number.isFinite(behind) && `heard from ${time.span(behind * 1000)} ago`, n > 0 && `${plural(n, "document")}, ${megabytes(kept)}`,
    since > 0 && `since ${time.at(since)} ${time.zone()}`, lag > 0 && `${count(lag)} wait to be stored`].filter(Boolean).join(" · ");
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

function lag(rows) {
  const body = rows.length
    ? make("div", { class: "scroll-x" }, make("table", {}, make("caption", { class: "unseen", text: "Lag of each partition" }),
      make("thead", {}, make("tr", {}, ["Channel", "Partition", "Lag", "Applied", "End"].map((name, i) => make("th", { scope: "col", class: i ? "num" : null, text: name })))),
      make("tbody", {}, rows.map((one) => make("tr", {}, make("th", { scope: "row", text: one.channel }), make("td", { class: "num", text: String(one.partition) }), make("td", { class: one.lag > 0 ? "num strong" : "num", text: count(one.lag) }), make("td", { class: "num soft", text: count(one.applied) }), make("td", { class: "num soft", text: count(one.end) }))))))
    : make("p", { class: "soft", text: "The broker has not said yet where its channels end." });
  return make("section", { class: "card wide", "aria-label": "Lag" }, make("div", { class: "card-head" }, make("h2", { text: "Lag" }), make("span", { class: "hint", text: "Records that lie in the channel and are not counted yet" })), body);
}
