/* Small figures inside text and tables, as SVG: a share against what is usual, and a sparkline. */
import { draw } from "/static/dom.js";
import { percent } from "/static/format.js";

const WIDTH = 132;
const HEIGHT = 22;

/**
 * A share from 0 to 100 %: a grey band where it usually lies, a tick at what is expected, a bar to where it is now. A bar
 * that stands notably above the band ends in a pointed head, so that it is told without its colour.
 */
export function shareFigure(share, low, high, expected, notable) {
  const x = (value) => Math.max(0, Math.min(1, value)) * WIDTH;
  const known = Number.isFinite(low) && Number.isFinite(high);
  const above = known && notable && share > high;
  const words = known ? `${percent(share)} negative; usually ${percent(low)} to ${percent(high)}` : `${percent(share)} negative; nothing is known of what is usual`;
  return draw("svg", { class: above ? "share-figure above" : "share-figure", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: "img", "aria-label": words },
    draw("rect", { class: "track", x: 0, y: 8, width: WIDTH, height: 6, rx: 3 }),
    known ? draw("rect", { class: "band", x: x(low), y: 3, width: Math.max(2, x(high) - x(low)), height: 16, rx: 2 }) : null,
    Number.isFinite(share) ? draw("rect", { class: "now", x: 0, y: 8, width: x(share), height: 6, rx: 3 }) : null,
    above ? draw("path", { class: "now", d: `M${x(share) - 1} 4l7 7-7 7z` }) : null,
    Number.isFinite(expected) ? draw("rect", { class: "expected", x: x(expected) - 1, y: 3, width: 2, height: 16 }) : null);
}

/** Documents as an area, and the negative ones among them as a darker one in front. */
export function sparkline({ n, negative }, words) {
  const most = Math.max(1, ...n);
  return draw("svg", { class: "sparkline", viewBox: `0 0 ${WIDTH} 28`, width: WIDTH, height: 28, preserveAspectRatio: "none", role: "img", "aria-label": words },
    draw("path", { class: "all", d: area(n, most) }), draw("path", { class: "bad", d: area(negative, most) }));
}

function area(values, most) {
  const step = WIDTH / Math.max(1, values.length);
  let path = "M0 28";
  values.forEach((value, i) => { path += `L${(i * step).toFixed(1)} ${(28 - (26 * value) / most).toFixed(1)}H${((i + 1) * step).toFixed(1)}`; });
  return `${path}V28Z`;
}
