/* One alert as a row of the list: how grave, what, how much, when, and what people made of it. */
import { make } from "/static/dom.js";
import { plural } from "/static/format.js";
import { headline } from "/static/parts/alert-cards.js";
import { session } from "/static/session.js";
import { KINDS, badge, isSilenced, seriesName } from "/static/parts/words.js";

export function alertRow({ alert, standing }, { time }) {
  const onset = time.parse(alert.onset);
  const others = (alert.members ?? []).filter((member) => member.series !== alert.series).length;
  return make("li", { class: `alert-row ${alert.state} ${alert.severity}` },
    make("div", { class: "alert-marks" }, badge(alert.severity), badge(alert.state, stateWords(alert))),
    make("div", { class: "alert-what" },
      make("a", { class: "row-link", href: `/alerts/${encodeURIComponent(alert.id)}` }, seriesName(alert.series)),
      make("div", {}, ...headline(alert)),
      make("div", { class: "faint", text: [KINDS[alert.kind] ?? alert.kind, alert.rule, alert.n ? plural(alert.n, "document") : "", others ? `and ${plural(others, "other")}` : ""].filter(Boolean).join(" · ") })),
    make("div", { class: "alert-standing" }, ...standingBadges(standing)),
    make("div", { class: "alert-when" }, make("time", { datetime: new Date(onset).toISOString(), text: `${time.at(onset)} ${time.zone()}` }),
      make("div", { class: "faint", text: lasted(alert, time) })));
}

const RESOLUTIONS = { recovered: "recovered", new_level: "new level", withdrawn: "withdrawn", lost_history: "history lost" };

export function stateWords(alert) {
  return alert.state === "resolved" ? RESOLUTIONS[alert.resolution] || "resolved" : alert.state;
}

/** An open one lasts until now, which is the watermark: its newest revision may be hours old. */
function lasted(alert, time) {
  const changed = time.parse(alert.at);
  const open = alert.state !== "resolved";
  const span = time.span((open ? Math.max(changed, session.watermark_ms ?? 0) : changed) - time.parse(alert.onset));
  return open ? `open, ${span} so far` : `for ${span}`;
}

export function standingBadges(standing) {
  const made = [];
  if (isSilenced(standing)) made.push(badge("plain", "silenced"));
  if (standing?.acknowledgement) made.push(badge("plain", `seen by ${standing.acknowledgement.made_by}`, standing.acknowledgement.comment ?? ""));
  if (standing?.verdict) made.push(standing.verdict.true ? badge("good", "real") : badge("plain", "false alarm"));
  return made;
}
