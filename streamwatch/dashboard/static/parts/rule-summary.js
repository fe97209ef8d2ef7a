/* A rule in a line or two: what it is about, how many false alarms it may raise, what its alerts carry. */
import { make } from "/static/dom.js";
import { time } from "/static/time.js";
import { KINDS, badge } from "/static/parts/words.js";

export function ruleSummary(name, rule) {
  if (!rule) return make("strong", { text: name });
  const kinds = (rule.kinds ?? []).map((kind) => KINDS[kind] ?? kind).join(", ");
  const waits = [rule.for_ms ? `fires after ${time.span(rule.for_ms)}` : "", rule.routes?.length ? `to ${rule.routes.join(", ")}` : ""].filter(Boolean);
  const labels = Object.entries(rule.labels ?? {}).map(([key, value]) => badge("plain", `${key}=${value}`));
  return make("div", { class: "rule-summary" },
    make("p", {}, make("strong", { text: name }), " ", rule.severity === "auto" ? null : badge(rule.severity), ...labels),
    make("p", { class: "patterns" }, (rule.series ?? []).map((one) => make("code", { text: one })), rule.except_series?.length ? [" but ", rule.except_series.map((one) => make("code", { text: one }))] : null),
    make("p", { class: "soft", text: [kinds, allowed(rule.false_alarms_per_week), ...waits].join(" · ") }));
}

/** "at most 1 false alarm in 2 weeks" is easier to hold than "0.5 a week". */
function allowed(perWeek) {
  if (!(perWeek > 0)) return "";
  return perWeek >= 1 ? `${+perWeek.toFixed(2)} false alarm${perWeek === 1 ? "" : "s"} a week allowed` : `one false alarm in ${+(1 / perWeek).toFixed(1)} weeks allowed`;
}
