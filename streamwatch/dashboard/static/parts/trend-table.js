/* The same rows as a table: for those who do not see the chart, and for whoever wants the numbers. Newest first. */
import { make } from "/static/dom.js";
import { count, percent } from "/static/format.js";

const PAGE = 200;
const NUMBERS = [
  ["n", "Documents"], ["negative", "Negative"], ["neutral", "Neutral"], ["positive", "Positive"], ["distinct_authors", "Authors"], ["distinct_texts", "Texts"],
  ["amplification", "Copies"], ["news", "News"], ["social", "Social"], ["n_unread", "Not read"],
];

export function trendTable(grid, context, pick) {
  const body = make("tbody");
  const more = make("div", { class: "documents-foot" });
  const rows = [];
  for (let i = grid.length - 1; i >= 0; i -= 1) for (const series of grid.series) if (series.rows[i]) rows.push([i, series]);
  let shown = 0;
  const add = () => {
    body.append(...rows.slice(shown, shown + PAGE).map(([i, series]) => row(grid, series, i, context, pick)));
    shown = Math.min(rows.length, shown + PAGE);
    more.replaceChildren(make("span", { class: "hint", text: `${count(shown)} of ${count(rows.length)} rows. Windows without documents are left out.` }),
      ...(shown < rows.length ? [make("button", { type: "button", class: "button", text: "Show more", on: { click: add } })] : []));
  };
  add();
  return make("div", {}, make("div", { class: "scroll-x trend-table", tabindex: "0", role: "region", "aria-label": "Rows of the trend" }, make("table", {},
    make("thead", {}, make("tr", {}, ["Start", "Series", "Negative share", "Least – greatest", "Usually"].map((text, i) => make("th", { scope: "col", class: i > 1 ? "num" : null, text })), NUMBERS.map(([, text]) => make("th", { scope: "col", class: "num", text })))), body)), more);
}

function row(grid, series, i, { time }, pick) {
  const cell = (text) => make("td", { class: "num", text });
  const usual = series.p0 && Number.isFinite(series.p0Low[i]) ? `${percent(series.p0Low[i])} – ${percent(series.p0High[i])}` : "–";
  return make("tr", { class: "row" },
    make("th", { scope: "row" }, make("button", { type: "button", class: "link", text: time.at(grid.x[i]), title: "The documents behind it", on: { click: () => pick(i, series.name) } })),
    make("td", { text: series.name }), cell(percent(series.share[i])),
    cell(series.low[i] === null ? "–" : `${percent(series.low[i])} – ${percent(series.high[i])}`), cell(usual),
    NUMBERS.map(([name]) => cell(number(grid.value(series, i, name)))));
}

function number(value) {
  if (!Number.isFinite(value)) return "–";
  return Number.isInteger(value) ? count(value) : value.toFixed(2);
}
