/* The options of the two plots of a trend for uPlot: negative share above, number of documents below. */
import { percent, short } from "/static/format.js";
import { MANY, SPARSE } from "/static/parts/grid.js";
import { marksPlugin } from "/static/parts/chart-marks.js";
import { colours } from "/static/theme.js";
import { time } from "/static/time.js";

export const SERIES_COLOURS = ["series-1", "series-2", "series-3", "series-4", "series-5"];
/** Told apart without colour too: each its own dash. */
export const DASHES = [[], [8, 3], [2, 2], [10, 3, 2, 3], [5, 5]];
const FONT = "12px system-ui, sans-serif";
const DAY_MS = 86400000;
const AXIS_PX = 48;                // room for "100 %" and "12.3K"
const RAW_ALPHA = 0.28;            // of single windows behind the pooled line
const HEADROOM = 1.12;             // above the highest line

export function palette() {
  return colours("ink", "ink-soft", "ink-faint", "grid", "line", "surface", "negative", "neutral", "warning", "accent", "band", ...SERIES_COLOURS);
}

function timeAxis(colour, shown) {
  return {
    stroke: colour["ink-soft"], font: FONT, size: shown ? 40 : 8, grid: { stroke: colour.grid, width: 1 }, ticks: { show: false },
    values: (chart, splits, axis, space, step) => (shown ? splits.map((ms, i) => tick(ms, splits[i - 1], splits[i + 1], step)) : splits.map(() => "")),
  };
}

/** The hour, and below it the day where one begins; at the left edge only where there is room for it. */
function tick(ms, before, after, step) {
  if (step >= DAY_MS) return time.day(ms);
  const clock = step < 60000 ? time.seconds(ms) : time.clock(ms);
  const begins = before === undefined ? after === undefined || time.day(ms) === time.day(after) : time.day(ms) !== time.day(before);
  return begins ? `${clock}\n${time.day(ms)}` : clock;
}

function common(colour, width, height, { sync, onSelect, marks, shownAxis, named = true }) {
  return {
    width, height, ms: 1, legend: { show: false }, padding: [8, 8, 0, 0],
    tzDate: (ms) => (time.zone() === "UTC" ? uPlot.tzDate(new Date(ms), "UTC") : new Date(ms)),
    cursor: { sync: { key: sync }, drag: { x: true, y: false, setScale: false }, points: { size: 7 }, focus: { prox: -1 } },
    axes: [timeAxis(colour, shownAxis), { stroke: colour["ink-soft"], font: FONT, size: AXIS_PX, grid: { stroke: colour.grid, width: 1 }, ticks: { show: false } }],
    plugins: [marksPlugin(marks, () => colour, named)],
    hooks: { setSelect: [onSelect] },
  };
}

/** The share's columns and series for uPlot: lines, and behind the first one its usual band and its least and greatest share. */
export function shareLines(grid, compared, colour) {
  const columns = [grid.x];
  const series = [{}];
  const bands = [];
  const add = (values, options) => { columns.push(values); series.push({ points: { show: false }, ...options }); return columns.length - 1; };
  const first = grid.series[0];
  if (first?.p0) {
    const high = add(first.p0High, { stroke: "transparent", width: 0 });
    const low = add(first.p0Low, { stroke: "transparent", width: 0 });
    bands.push({ series: [high, low], fill: colour.band });
    add(first.p0, { stroke: colour["ink-faint"], width: 1, dash: [3, 3] });
  }
  if (first && grid.series.length === 1 && spreads(first)) {
    const high = add(first.high, { stroke: "transparent", width: 0 });
    const low = add(first.low, { stroke: "transparent", width: 0 });
    bands.push({ series: [high, low], fill: colour.grid });
  }
  if (compared) add((compared.series[0]?.pooled ?? compared.series[0]?.share ?? []).slice(0, grid.length), { stroke: colour["ink-faint"], width: 1.25, dash: [6, 4], label: "earlier" });
  grid.series.forEach((one, i) => {
    const line = grid.series.length === 1 ? colour.negative : colour[SERIES_COLOURS[i % 5]];
    const bold = { stroke: line, width: 2, dash: DASHES[i % 5], spanGaps: false };
    const dots = { points: { show: isolated(one), size: 4, fill: line, stroke: line } };
    if (!one.pooled) { add(one.share, { ...bold, ...dots }); return; }
    const alpha = grid.series.length === 1 ? RAW_ALPHA : RAW_ALPHA / 2;
    if (one.perWindow >= SPARSE) add(one.share, { stroke: line, width: 1, alpha });
    else add(one.share, { stroke: "transparent", width: 0, alpha, points: { show: true, size: 4, fill: line, stroke: line, width: 0 } });
    add(one.pooled, bold);
  });
  return { columns, series, bands };
}

/** Least and greatest are worth a band only where they are not the share itself, and not 0 and 100 % of single documents. */
function spreads(one) {
  return one.perWindow >= MANY && one.share.some((share, i) => share !== null && one.high[i] !== null && one.high[i] - one.low[i] > 1e-9);
}

/** A window between two empty ones has no line to either: then points are drawn. */
function isolated(one) {
  const known = one.share.filter((share) => share !== null).length;
  return known > 0 && known < one.share.length * 0.5 && known < 500;
}

export function sharePlot(grid, compared, width, height, options) {
  const colour = palette();
  const lines = shareLines(grid, compared, colour);
  const made = common(colour, width, height, { ...options, shownAxis: false });
  made.axes[1].values = (chart, splits) => splits.map((value) => percent(value).replace(".0 ", " "));
  made.scales = { x: { time: true }, y: { range: (chart, low, high) => [0, Math.min(1, Math.max(0.1, (high ?? 0) * HEADROOM))] } };
  return [{ ...made, series: lines.series, bands: lines.bands }, lines.columns];
}

export function volumeLines(grid, compared, colour) {
  const columns = [grid.x];
  const series = [{}];
  const bars = uPlot.paths.bars({ size: [0.92, 40], align: 1, gap: grid.length > 600 ? 0 : 1 });
  const add = (values, options) => { columns.push(values); series.push({ points: { show: false }, ...options }); };
  if (grid.series.length === 1) {
    add(grid.series[0].n, { fill: colour.line, stroke: colour.line, width: 0, paths: bars });
    add(grid.series[0].negative, { fill: colour.negative, stroke: colour.negative, width: 0, paths: bars });
  } else {
    grid.series.forEach((one, i) => add(one.n, { stroke: colour[SERIES_COLOURS[i % 5]], width: 1.25, dash: DASHES[i % 5] }));
  }
  if (compared?.series[0]) add(compared.series[0].n.slice(0, grid.length), { stroke: colour["ink-faint"], width: 1.25, dash: [6, 4] });
  return { columns, series };
}

export function volumePlot(grid, compared, width, height, options) {
  const colour = palette();
  const lines = volumeLines(grid, compared, colour);
  const made = common(colour, width, height, { ...options, shownAxis: true, named: false });
  made.axes[1].values = (chart, splits) => splits.map((value) => (Number.isInteger(value) ? short(value) : ""));
  made.scales = { x: { time: true }, y: { range: (chart, low, high) => [0, Math.max(1, (high ?? 0) * HEADROOM)] } };
  return [{ ...made, series: lines.series }, lines.columns];
}
