/* Trend: one or several series over any span, beside what is usual; behind each point its documents.
 *
 * Everything that is chosen stands in the address. The span either follows the stream ("the last 24 h") or is fixed, by
 * dates or by a brush over the chart.
 */
import { make } from "/static/dom.js";
import { parts, plural } from "/static/format.js";
import { Chart } from "/static/parts/chart.js";
import { documentList } from "/static/parts/documents.js";
import { drawer } from "/static/parts/drawer.js";
import { Grid, SPARSE } from "/static/parts/grid.js";
import { picture, save } from "/static/parts/picture.js";
import { segments } from "/static/parts/segments.js";
import { seriesPicker } from "/static/parts/series-picker.js";
import { trendControls } from "/static/parts/trend-controls.js";
import { Legend } from "/static/parts/trend-legend.js";
import { FILTERS, readQuery, shiftOf, spanOf, toAddress, toRequest } from "/static/parts/trend-query.js";
import { trendTable } from "/static/parts/trend-table.js";
import { KINDS, badge, seriesName } from "/static/parts/words.js";
import { newestMs } from "/static/session.js";
import { empty } from "/static/region.js";
import { throttle } from "/static/throttle.js";

const REFRESH_MS = 2000;           // of what the stream's cells cannot patch: steps longer than a minute, baselines
const MINUTE_MS = 60000;
const VIEWS = [["chart", "Chart"], ["table", "Table"]];

export const page = {
  path: "/trend",
  title: "Trend",
  mount(root, context) { return new Trend(root, context).open(); },
};

class Trend {
  constructor(root, context) {
    this.context = context;
    this.wanted = readQuery(context.query);
    this.legend = new Legend(context);
    this.picker = seriesPicker(context, this.wanted.series, (series) => this.change({ series }));
    this.controls = trendControls(context, this.wanted, (part) => this.change(part));
    this.said = make("p", { class: "soft trend-said", role: "status" });
    this.exports = make("div", { class: "actions" });
    this.plot = make("div", { class: "plot-area" });
    this.marks = make("div", { class: "marks" });
    this.view = make("div");
    this.list = make("div");
    root.append(
      make("div", { class: "page-head" }, make("div", { class: "grow" }, make("h1", { text: "Trend" }), this.picker.root), this.view),
      this.controls.root,
      make("section", { class: "card trend-card", "aria-label": "Trend" }, make("div", { class: "card-head" }, this.said, this.exports), this.list));
  }

  async open() {
    const { context } = this;
    if (!this.wanted.series.length) await this.chooseFirst();
    this.region = context.region(this.list, { label: "The trend", rows: 9, load: (signal) => this.load(signal), draw: (answer) => this.draw(answer) });
    this.follow();
    context.keys({
      c: { text: "To the chart: arrow keys move the cursor, Enter shows its documents, + and − zoom", run: () => this.chart?.box.focus() },
      v: { text: "Chart or table", run: () => this.change({ view: this.wanted.view === "chart" ? "table" : "chart" }) },
      o: { text: "Zoom out", run: () => this.change({ out: true }) },
    });
    this.said.replaceChildren("…");
    this.describe();
  }

  /** Without a series in the address: those of the watchlist, else the most surprising one. */
  async chooseFirst() {
    const { api, watchlist, signal } = this.context;
    const kept = watchlist.names();
    const { items } = await api.get("series", { sort: "surprise", limit: 3, hours: 24, series: [...kept ?? []] }, { signal });
    this.wanted.series = items.map((item) => item.name).slice(0, kept ? 3 : 1);
    this.picker.show(this.wanted.series);
  }

  change(part) {
    const { out, ...rest } = part;
    if (out) Object.assign(rest, this.before?.pop() ?? { from: null, to: null });
    else if (rest.from) (this.before ??= []).push({ from: this.wanted.from, to: this.wanted.to, hours: this.wanted.hours });
    Object.assign(this.wanted, rest);
    this.context.setQuery(toAddress(this.wanted), { push: true });
    this.picker.show(this.wanted.series);
    this.describe();
    this.region.reload();
  }

  describe() {
    const span = spanOf(this.wanted, newestMs());
    this.controls.show(this.wanted, span);
    this.view.replaceChildren(segments("Show as", VIEWS, this.wanted.view, (view) => this.change({ view })));
    this.context.setTitle(this.wanted.series.map((name) => parts(name)[1]).join(", ") || "Trend");
  }

  async load(signal) {
    if (!this.wanted.series.length) return null;
    const { api } = this.context;
    const span = spanOf(this.wanted, newestMs());
    const answer = await api.get("trends", toRequest(this.wanted, span), { signal });
    const shift = shiftOf(this.wanted.compare, { from: answer.from_ms, to: answer.to_ms });
    if (!shift) return { answer, earlier: null };
    const request = { ...toRequest(this.wanted, { from: answer.from_ms - shift, to: answer.to_ms - shift }), series: this.wanted.series.slice(0, 1), step: answer.step_ms, baseline: false };
    return { answer, earlier: await api.get("trends", request, { signal }) };
  }

  draw(found) {
    if (!found) { this.said.textContent = ""; this.exports.replaceChildren(); return empty("Choose a series", "Type its name above: a ticker, a topic, or all."); }
    const { answer, earlier } = found;
    this.answer = answer;
    this.grid = new Grid(answer);
    this.saying(earlier);
    this.exporting();
    if (!answer.n_rows) { this.dropChart(); return empty("No documents in this span", "Try a longer one, or fewer filters."); }
    if (this.wanted.view === "table") { this.dropChart(); return trendTable(this.grid, this.context, (at, name) => this.pick(at, name)); }
    const at = this.chart && this.chart.at < this.grid.length ? this.chart.at : null;
    this.legend.show(this.grid, at);
    this.chart ??= new Chart(this.plot, { context: this.context, onZoom: (from, to) => this.zoom(from, to), onPick: (at) => this.pick(at), onCursor: (at) => this.legend.point(at) });
    this.marks.replaceChildren(...this.listed());
    queueMicrotask(() => this.chart?.show(this.grid, { compared: earlier && new Grid(earlier), marks: { alerts: answer.alerts ?? [], promotions: answer.promotions ?? [], toMs: answer.to_ms } }));
    return [this.plot, this.legend.root, this.marks];
  }

  dropChart() {
    this.chart?.destroy();
    this.chart = null;
  }

  saying(earlier) {
    const { answer, context } = this;
    const step = context.time.span(answer.step_ms);
    const lines = [`Step ${this.wanted.step || !answer.step_why ? step : answer.step_why}`, `times in ${context.time.zone()}`];
    if (this.grid.pool > 1 && this.wanted.view === "chart") lines.push(`bold: ${context.time.span(this.grid.pool * answer.step_ms)} together, faint: each step${this.grid.series.some((one) => one.perWindow < SPARSE) ? ", as dots where it holds few documents" : ""}`);
    if (answer.counted_from === "documents") lines.push("counted from the documents that are kept, no baseline");
    if (earlier) lines.push(`dashed grey: ${context.time.span(answer.from_ms - earlier.from_ms)} earlier`);
    const why = answer.series.find((one) => !one.baseline && one.baseline_why)?.baseline_why;
    if (why && answer.counted_from !== "documents") lines.push(`no baseline: ${why}`);
    this.said.textContent = `${lines.join(" · ")}.`;
  }

  /** The files hold exactly the rows that are shown: the same span, step and filters, said by number. */
  exporting() {
    const { answer, context } = this;
    const request = { ...toRequest(this.wanted, { from: answer.from_ms, to: answer.to_ms }), step: answer.step_ms };
    delete request.baseline;
    this.exports.replaceChildren(make("span", { class: "hint", text: `${plural(answer.n_rows, "row")} as` }),
      ...["csv", "json"].map((format) => make("a", { class: "button small", href: context.api.address("trends/export", { ...request, format }), download: `trend.${format}`, text: format.toUpperCase() })),
      make("button", { type: "button", class: "button small", text: "PNG", disabled: this.wanted.view === "table", on: { click: () => this.saveImage() } }));
  }

  async saveImage() {
    const { time } = this.context;
    const { answer } = this;
    const lines = [`${time.full(answer.from_ms)} to ${time.full(answer.to_ms)}, step ${time.span(answer.step_ms)}`];
    const filters = FILTERS.filter((name) => this.wanted[name]).map((name) => `${name}: ${this.wanted[name]}`);
    if (filters.length) lines.push(filters.join(", "));
    save(await picture(this.chart, { title: this.wanted.series.join(", "), lines }), "trend.png");
  }

  /** Alerts and promotions as words: the flags of the chart are not everybody's. */
  listed() {
    const { answer, context: { time } } = this;
    const alerts = (answer.alerts ?? []).map((alert) => make("li", {}, badge(alert.severity), badge(alert.state), make("a", { href: `/alerts/${encodeURIComponent(alert.id)}` }, seriesName(alert.series)),
      make("span", { class: "faint", text: `${KINDS[alert.kind] ?? alert.kind}, ${time.at(alert.onset_ms)}${alert.end_ms ? ` to ${time.at(alert.end_ms)}` : ", still open"}` })));
    const models = (answer.promotions ?? []).map((one) => make("li", {}, badge("plain", "model"), make("span", { class: "faint", text: `${one.model || one.version}, ${time.at(one.made_ms)}` })));
    return alerts.length + models.length ? [make("h2", { class: "small-head", text: "In this span" }), make("ul", {}, alerts, models)] : [];
  }

  zoom(from, to) {
    const step = this.answer.step_ms;
    const first = Math.floor(from / step) * step;
    this.change({ from: first, to: Math.max(first + step, Math.ceil(to / step) * step) });
  }

  pick(at, name = this.wanted.series[0]) {
    const { grid, context } = this;
    const from = grid.x[at];
    const to = from + grid.stepMs;
    const body = drawer(seriesName(name), `${context.time.at(from)} to ${context.time.clock(to)} ${context.time.zone()}`, context);
    const question = { series: name, from, to };
    for (const filter of FILTERS) question[filter === "ticker" ? "entity" : filter] = this.wanted[filter];
    const names = this.wanted.series;
    const list = make("div");
    if (names.length > 1) body.append(segments("Series", names.map((one) => [one, parts(one)[1]]), name, (one) => documentList(list, context, { ...question, series: one })));
    body.append(list);
    documentList(list, context, question);
  }

  /** Cells of a minute go straight into the chart; everything else is asked for again. */
  follow() {
    const { context } = this;
    const reload = throttle(() => this.region.reload(), REFRESH_MS, context.signal);
    context.live.on("trend", (events) => {
      if (!spanOf(this.wanted, 1).follows || !this.answer) return;
      const patched = this.answer.step_ms === MINUTE_MS && !FILTERS.some((name) => this.wanted[name]) && this.patch(events);
      if (patched) { this.chart?.redraw(); this.legend.point(this.chart?.at ?? null); }
      reload();
    }, context);
    for (const event of ["alert", "reset"]) context.live.on(event, reload, context);
    context.time.onChange(() => { this.describe(); this.region.reload(); }, context);
  }

  patch(events) {
    let changed = false;
    for (const { series } of events) {
      for (const [name, cells] of Object.entries(series ?? {})) {
        for (const [start, n, negative] of Array.isArray(cells[0]) ? cells : [cells]) changed = this.grid.patch(name, start, n, negative) || changed;
      }
    }
    return changed;
  }
}
