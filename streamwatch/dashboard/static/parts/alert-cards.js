/* The alerts that are open now, as cards above the overview. */
import { make } from "/static/dom.js";
import { percent, plural } from "/static/format.js";
import { KINDS, badge, isSilenced, seriesName } from "/static/parts/words.js";
import { throttle } from "/static/throttle.js";

const SHOWN = 4;
const RANK = { critical: 0, warning: 1, info: 2 };

export function openAlerts(root, context) {
  const part = context.region(root, {
    label: "Open alerts", rows: 1,
    load: (signal) => context.api.get("alerts", { state: ["firing", "pending"], limit: 100 }, { signal }),
    draw: ({ items }) => cards(items, context),
  });
  context.live.on("alert", throttle(part.reload, 200, context.signal), context);
  context.live.on("decision", throttle(part.reload, 500, context.signal), context);
  context.live.on("reset", part.reload, context);
  context.watchlist.onChange(part.reload, context);
  context.time.onChange(part.reload, context);
}

/** Whether an alert is about one of these series; null means all. */
export function concerns(alert, names) {
  return !names || names.has(alert.series) || (alert.members ?? []).some((member) => names.has(member.series));
}

function cards(items, context) {
  const open = items.filter(({ alert, standing }) => !isSilenced(standing) && concerns(alert, context.watchlist.names()));
  open.sort((a, b) => (RANK[a.alert.severity] ?? 3) - (RANK[b.alert.severity] ?? 3) || context.time.parse(b.alert.onset) - context.time.parse(a.alert.onset));
  if (!open.length) return make("p", { class: "all-calm" }, badge("resolved", "calm"), " No alert is open.");
  return make("div", { class: "alert-cards" }, open.slice(0, SHOWN).map((item) => card(item, context)),
    open.length > SHOWN ? make("a", { class: "more-alerts", href: "/alerts?state=open", text: `${open.length - SHOWN} more` }) : null);
}

function card({ alert, standing }, { time }) {
  return make("a", { class: `alert-card ${alert.severity}`, href: `/alerts/${encodeURIComponent(alert.id)}` },
    make("span", { class: "line" }, badge(alert.severity), make("span", { class: "faint", text: `since ${time.at(time.parse(alert.onset))} ${time.zone()}` })),
    seriesName(alert.series),
    make("span", { class: "headline" }, ...headline(alert)),
    make("span", { class: "faint", text: [KINDS[alert.kind] ?? alert.kind, alert.state === "pending" ? "pending" : null, alert.n ? plural(alert.n, "document") : null, standing?.acknowledgement ? "acknowledged" : null].filter(Boolean).join(" · ") }));
}

/** What an alert is about in a few words: "82 % negative, usually 50 % – 60 %". */
export function headline(alert) {
  if (alert.kind === "stalled") return [make("b", { text: "Nothing comes in" })];
  if (alert.kind === "drift") return [make("b", { text: "The stream has changed" })];
  if (alert.kind === "negative_volume") return [make("b", { class: "negative", text: plural(alert.k, "negative") }), alert.k_expected < 1 ? " where fewer than 1 was expected" : ` where ${plural(Math.round(alert.k_expected), "was", "were")} expected`];
  return [make("b", { class: "negative", text: `${percent(alert.share)} negative` }), `, usually ${percent(alert.p0_low)} – ${percent(alert.p0_high)}`];
}
