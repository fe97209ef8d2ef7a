/* The numbers below a chart: of the moment that is pointed at, else of the whole span. */
import { make } from "/static/dom.js";
import { count, percent } from "/static/format.js";
import { totals } from "/static/parts/grid.js";
import { swatch } from "/static/parts/series-picker.js";
import { seriesName } from "/static/parts/words.js";

const COLUMNS = ["Negative share", "Usually", "Documents", "Negative", "Positive", "Authors", "Copies"];

export class Legend {
  constructor(context) {
    this.context = context;
    this.moment = make("caption", { class: "legend-moment" });
    this.body = make("tbody");
    this.root = make("div", { class: "scroll-x legend", tabindex: "0", role: "region", "aria-label": "Numbers of the moment, or of the span" }, make("table", {}, this.moment,
      make("thead", {}, make("tr", {}, make("th", { scope: "col", text: "Series" }), COLUMNS.map((text) => make("th", { scope: "col", class: "num", text })))), this.body));
  }

  show(grid, at) {
    const before = this.grid?.series.map((one) => one.name);
    this.grid = grid;
    if (before?.length === grid.series.length && grid.series.every((one, i) => one.name === before[i])) {
      grid.series.forEach((series, i) => { this.rows[i].series = series; });
      this.point(at);
      return;
    }
    this.rows = grid.series.map((series, i) => {
      const cells = COLUMNS.map(() => make("td", { class: "num" }));
      return { series, cells, tr: make("tr", {}, make("th", { scope: "row" }, swatch(i, grid.series.length), " ", seriesName(series.name)), cells) };
    });
    this.body.replaceChildren(...this.rows.map((row) => row.tr));
    this.point(at);
  }

  /** Only texts change here: nothing is laid out anew while the cursor runs. */
  point(at) {
    if (!this.grid) return;
    const { time } = this.context;
    const { grid } = this;
    const end = at === null ? grid.x.at(-1) + grid.stepMs : grid.x[at] + grid.stepMs;
    const start = grid.x[at ?? 0];
    this.moment.textContent = `${at === null ? "Whole span: " : ""}${time.at(start)} to ${time.day(start) === time.day(end) ? time.clock(end) : time.at(end)} ${time.zone()}`;
    for (const { series, cells } of this.rows) texts(grid, series, at).forEach((text, i) => { if (cells[i].textContent !== text) cells[i].textContent = text; });
  }
}

function texts(grid, series, at) {
  if (at === null) {
    const all = totals(series);
    return [percent(all.share), usual(series, null), count(all.n), count(all.negative), count(sum(grid, series, "positive")), "–", count(sum(grid, series, "amplification"))];
  }
  return [percent(series.share[at]), usual(series, at), count(series.n[at]), count(series.negative[at]), count(grid.value(series, at, "positive") ?? 0), count(grid.value(series, at, "distinct_authors") ?? NaN), count(grid.value(series, at, "amplification") ?? 0)];
}


function usual(series, at) {
  if (!series.p0) return "–";
  if (at !== null) return Number.isFinite(series.p0Low[at]) ? `${percent(series.p0Low[at])} – ${percent(series.p0High[at])}` : "–";
  const low = series.p0Low.filter(Number.isFinite);
  return low.length ? `${percent(least(low))} – ${percent(-least(series.p0High.filter(Number.isFinite).map((value) => -value)))}` : "–";
}

/** Of as many as a chart has: too many for the arguments of Math.min. */
const least = (values) => values.reduce((low, value) => (value < low ? value : low), Infinity);

function sum(grid, series, name) {
  let total = 0;
  for (let i = 0; i < grid.length; i += 1) total += grid.value(series, i, name) ?? 0;
  return total;
}
