/* What the gate found, check by check: the sentence first, the numbers for those who want them. */
import { make } from "/static/dom.js";
import { count } from "/static/format.js";
import { badge } from "/static/parts/words.js";
import { time } from "/static/time.js";

const WORDS = { passed: ["good", "passed"], failed: ["critical", "failed"], short: ["warning", "too little data"], noted: ["plain", "noted"] };

export function checks(report) {
  const evidence = Object.entries(report.evidence ?? {}).map(([name, n]) => `${count(n)} ${name.replaceAll("_", " ")}`).join(", ");
  return [
    make("p", {}, badge(...(report.passed ? ["good", "passed"] : ["warning", "refused"])), ` ${report.candidate} against ${report.incumbent}, ${time.at(time.parse(report.made_at))} ${time.zone()}`),
    evidence ? make("p", { class: "hint", text: `Judged by ${evidence}.` }) : null,
    make("ul", { class: "checks" }, (report.checks ?? []).map(one)),
  ].filter(Boolean);
}

function one(check) {
  const [kind, word] = WORDS[check.status] ?? ["plain", check.status];
  const says = make("p", { class: "soft", text: check.says });
  return make("li", {}, make("div", { class: "check-head" }, make("strong", { text: check.title }), badge(kind, word)), says, check.rows?.length ? more(check) : null);
}

const COLUMNS = [["n", count], ["incumbent", part], ["candidate", part], ["value", part], ["low", part], ["high", part]];

function more(check) {
  return make("details", {}, make("summary", { text: `${check.rows.length} in detail` }), make("div", { class: "scroll-x" }, make("table", {},
    make("thead", {}, make("tr", {}, make("th", { scope: "col", text: "of" }), COLUMNS.map(([name]) => make("th", { scope: "col", class: "num", text: name })))),
    make("tbody", {}, check.rows.map((row) => make("tr", {}, make("th", { scope: "row" }, row.name, row.failed ? badge("critical", "failed") : null, row.remark ? make("div", { class: "faint", text: row.remark }) : null),
      COLUMNS.map(([name, format]) => make("td", { class: "num", text: row[name] === undefined ? "" : format(row[name]) }))))))));
}

function part(value) {
  return Number.isFinite(value) ? value.toFixed(3).replace("-", "−") : "–";
}
