/* The chart of a trend: two plots with one cursor, which mouse, finger and keyboard move alike.
 *
 *     const chart = new Chart(root, { onZoom(fromMs, toMs), onPick(index), onCursor(index | null), context });
 *     chart.show(grid, { compared, marks });      // draws anew
 *     chart.redraw();                             // after grid.patch(…): at most once a frame
 *
 * For those who do not see it, it is a slider along time: arrow keys move it, and its value is read as words.
 */
import { make } from "/static/dom.js";
import { percent, plural } from "/static/format.js";
import { sharePlot, volumePlot } from "/static/parts/chart-plots.js";
import { onTheme } from "/static/theme.js";

const HEIGHTS = [300, 130];
const NARROW_HEIGHTS = [210, 100];
const NARROW_PX = 600;
const DRAG_PX = 4;                 // less is a click
const FAR = 10;                    // steps at once with Shift
let serial = 0;

export class Chart {
  constructor(root, { context, onZoom, onPick, onCursor, label = "Trend" }) {
    Object.assign(this, { root, context, onZoom, onPick, onCursor, label });
    this.sync = `trend-${(serial += 1)}`;
    this.at = null;
    this.plots = [];
    this.shareBox = make("div", { class: "plot" });
    this.volumeBox = make("div", { class: "plot" });
    this.box = make("div", { class: "chart", tabindex: "0", role: "slider", "aria-label": `${label}: moment`, "aria-valuemin": "0", "aria-valuemax": "0", "aria-valuenow": "0" },
      make("div", { class: "plot-title", text: "Negative share" }), this.shareBox,
      make("div", { class: "plot-title", text: "Documents" }), this.volumeBox);
    root.replaceChildren(this.box);
    this.listen();
  }

  listen() {
    const { signal } = this.context;
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.box.addEventListener("click", (event) => { if (!this.dragged && event.target.closest(".u-over") && this.at !== null) this.onPick(this.at); });
    const observer = new ResizeObserver(() => this.frame(() => this.resize()));
    observer.observe(this.root);
    onTheme(() => this.rebuild(), { signal });
    this.context.time.onChange(() => this.rebuild(), { signal });
    signal.addEventListener("abort", () => { observer.disconnect(); this.destroy(); });
  }

  /** Work for the next frame: the last of a kind wins, so that ten updates in a frame draw once. */
  frame(run) {
    cancelAnimationFrame(this.waiting);
    this.waiting = requestAnimationFrame(run);
  }

  size() {
    const width = Math.max(240, Math.floor(this.box.clientWidth));
    return { width, heights: width < NARROW_PX ? NARROW_HEIGHTS : HEIGHTS };
  }

  show(grid, { compared = null, marks }) {
    Object.assign(this, { grid, compared, marks });
    this.box.setAttribute("aria-valuemax", String(grid.length - 1));
    if (this.at >= grid.length) this.at = null;
    this.rebuild(false);
  }

  /** Draws new rows. Where the lines are the same ones, the plots stay, and with them the cursor of whoever is reading. */
  rebuild(anew = true) {
    if (!this.grid) return;
    const { width, heights } = this.size();
    const options = { sync: this.sync, marks: () => this.marks, onSelect: (plot) => this.selected(plot) };
    const made = [sharePlot, volumePlot].map((plot, i) => plot(this.grid, this.compared, width, heights[i], options));
    const lines = JSON.stringify(made.map(([plot]) => plot.series.map((one) => [one.label, one.stroke])));
    if (!anew && lines === this.lines && this.plots.length) {
      made.forEach(([, columns], i) => this.plots[i].setData(columns));
      return;
    }
    this.destroy();
    this.lines = lines;
    this.width = width;
    this.plots = made.map(([plot, columns], i) => {
      plot.hooks.setCursor = [(chart) => this.moved(chart)];
      return new uPlot(plot, columns, [this.shareBox, this.volumeBox][i]);
    });
    performance.mark("chart");         // for the benchmark of the first paint
  }

  destroy() {
    for (const plot of this.plots) plot.destroy();
    this.plots = [];
  }

  resize() {
    const { width, heights } = this.size();
    if (!this.plots.length || width === this.width) return;
    this.width = width;
    this.plots.forEach((plot, i) => plot.setSize({ width, height: heights[i] }));
  }

  redraw() {
    this.frame(() => { this.grid.smooth(); for (const plot of this.plots) plot.setData(plot.data); });
  }

  selected(plot) {
    const { left, width } = plot.select;
    if (width < DRAG_PX) return;
    this.dragged = true;
    setTimeout(() => { this.dragged = false; }, 0);       // the click that ends the drag comes right after
    const [from, to] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    for (const one of this.plots) one.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.onZoom(from, to);
  }

  moved(plot) {
    const at = plot.cursor.idx ?? null;
    if (at === this.at) return;
    this.at = at;
    this.onCursor(at);
    if (at === null) return;
    this.box.setAttribute("aria-valuenow", String(at));
    this.box.setAttribute("aria-valuetext", this.words(at));
  }

  words(at) {
    const { time } = this.context;
    const values = this.grid.series.slice(0, 5).map((one) => `${one.name}: ${one.n[at] ? `${percent(one.share[at])} negative of ${plural(one.n[at], "document")}` : "no documents"}`);
    return `${time.at(this.grid.x[at])} ${time.zone()}. ${values.join(". ")}`;
  }

  key(event) {
    if (!this.grid) return;
    const far = event.shiftKey ? FAR : 1;
    const last = this.grid.length - 1;
    const from = this.at ?? last;
    const to = { ArrowLeft: from - far, ArrowRight: from + far, ArrowDown: from - far, ArrowUp: from + far, PageDown: from - FAR, PageUp: from + FAR, Home: 0, End: last }[event.key];
    if (to !== undefined) this.point(Math.max(0, Math.min(last, to)));
    else if (event.key === "Enter" || event.key === " ") this.onPick(from);
    else if (event.key === "+" || event.key === "-") this.zoom(from, event.key === "+" ? 0.5 : 2);
    else return;
    event.preventDefault();
  }

  zoom(at, factor) {
    const half = ((this.grid.length * this.grid.stepMs) / 2) * factor;
    this.onZoom(this.grid.x[at] - half, this.grid.x[at] + half);
  }

  point(at) {
    for (const plot of this.plots) plot.setCursor({ left: plot.valToPos(this.grid.x[at], "x"), top: plot.over.clientHeight / 2 }, false);
    this.moved({ cursor: { idx: at } });
  }
}
