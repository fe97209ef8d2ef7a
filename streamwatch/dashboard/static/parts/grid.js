/* The answer of /trends as columns on an even grid of steps: what a chart, a table and a picture are drawn from.
 *
 * Windows in which nothing came are not in the answer; here they are rows of zero documents without a share, so that a
 * line breaks there and the same index is the same moment in all series.
 */
const MAX_ROWS = 50000;            // more than that is read as a file, not looked at
const NOISY_ROWS = 240;            // fewer windows are looked at one by one, and need no second line
const POOLS = 100;                 // the pooled line has about so many independent values, whatever the step,
const POOL_DOCUMENTS = 30;         // each of about so many documents: a share of 5 has a standard error of 20 %, of 30 of 9 %
const FEWEST_POOLS = 12;           // and a line it must remain
const FEWEST = 5;                  // documents of which a share is drawn at all in the pooled line
export const MANY = 100;           // documents a window, from which on the shares inside it are more than noise
export const SPARSE = 8;           // documents a window, below which its own share is a dot and no line

export class Grid {
  constructor(answer) {
    this.answer = answer;
    this.stepMs = answer.step_ms;
    this.column = Object.fromEntries(answer.columns.map((name, i) => [name, i]));
    const starts = answer.series.flatMap((one) => (one.points.length ? [one.points[0][0], one.points.at(-1)[0]] : []));
    const phase = starts.length ? starts[0] % this.stepMs : 0;
    this.fromMs = floor(answer.from_ms, this.stepMs, phase);
    const last = Math.max(answer.to_ms - 1, ...starts);
    const rows = Math.min(MAX_ROWS, Math.max(1, Math.floor((last - this.fromMs) / this.stepMs) + 1));
    this.x = Float64Array.from({ length: rows }, (_, i) => this.fromMs + i * this.stepMs);
    this.series = answer.series.map((one) => this.spread(one));
    this.pool = this.pooling();
    this.smooth();
  }

  /** How many windows the bold line takes together: more where they are many, and where each holds few documents. */
  pooling() {
    const least = this.length > NOISY_ROWS ? Math.round(this.length / POOLS) : 1;
    const most = Math.max(least, Math.floor(this.length / FEWEST_POOLS));
    const few = Math.min(...this.series.map((one) => one.perStep));
    return Math.max(least, Math.min(most, few > 0 && few < POOL_DOCUMENTS ? Math.ceil(POOL_DOCUMENTS / few) : 1));
  }

  /** Each series' share over the last few windows together, where single ones are noise: their negatives over their documents. */
  smooth() {
    if (this.pool === 1) return;
    for (const one of this.series) {
      one.pooled ??= new Array(this.length).fill(null);
      let n = 0;
      let negative = 0;
      for (let i = 0; i < this.length; i += 1) {
        n += one.n[i] - (one.n[i - this.pool] ?? 0);
        negative += one.negative[i] - (one.negative[i - this.pool] ?? 0);
        one.pooled[i] = n >= FEWEST ? negative / n : null;
      }
    }
  }

  get length() { return this.x.length; }

  index(ms) { return Math.floor((ms - this.fromMs) / this.stepMs); }

  spread(one) {
    const rows = this.length;
    const { column } = this;
    const made = { name: one.name, rows: new Array(rows).fill(null), n: new Float64Array(rows), negative: new Float64Array(rows), share: new Array(rows).fill(null), low: new Array(rows).fill(null), high: new Array(rows).fill(null), pooled: null, p0: null, p0Low: null, p0High: null, why: one.baseline_why ?? "" };
    for (const point of one.points) {
      const i = this.index(point[0]);
      if (i < 0 || i >= rows) continue;
      made.rows[i] = point;
      made.n[i] = point[column.n];
      made.negative[i] = point[column.negative];
      made.share[i] = point[column.share];
      made.low[i] = point[column.share_low];
      made.high[i] = point[column.share_high];
    }
    const total = one.points.reduce((sum, point) => sum + point[column.n], 0);
    made.perWindow = one.points.length ? total / one.points.length : 0;        // of those in which something came
    made.perStep = one.points.length ? total / ((one.points.at(-1)[0] - one.points[0][0]) / this.stepMs + 1) : 0;
    if (one.baseline?.length) this.band(made, one.baseline);
    return made;
  }

  /** The baseline is sparser than the points where it changes rarely: each value holds until the next one. */
  band(made, baseline) {
    made.p0 = new Array(this.length).fill(null);
    made.p0Low = new Array(this.length).fill(null);
    made.p0High = new Array(this.length).fill(null);
    baseline.forEach(([start, p0, low, high], at) => {
      const first = Math.max(0, this.index(start));
      const end = at + 1 < baseline.length ? Math.min(this.length, this.index(baseline[at + 1][0])) : this.length;
      for (let i = first; i < Math.max(end, Math.min(first + 1, this.length)); i += 1) { made.p0[i] = p0; made.p0Low[i] = low; made.p0High[i] = high; }
    });
  }

  /** A bucket that the stream told of. True where it changed what is drawn. */
  patch(name, startMs, n, negative) {
    const one = this.series.find((series) => series.name === name);
    const i = this.index(startMs);
    if (!one || i < 0 || i >= this.length) return false;
    one.n[i] = n;
    one.negative[i] = negative;
    one.share[i] = n ? negative / n : null;
    return true;
  }

  /** A column of one row, or null where nothing came. */
  value(series, i, name) {
    const row = series.rows[i];
    return row ? row[this.column[name]] : null;
  }
}

function floor(ms, step, phase) {
  return ms - ((((ms - phase) % step) + step) % step);
}

/** Sums over the span: what the legend says while nobody points at a moment. */
export function totals(series) {
  let n = 0;
  let negative = 0;
  for (let i = 0; i < series.n.length; i += 1) { n += series.n[i]; negative += series.negative[i]; }
  return { n, negative, share: n ? negative / n : null };
}
