/* The chart as a PNG: both plots below a title that says what they show, on the theme's own ground. */
import { colours } from "/static/theme.js";

const MARGIN = 24;
const TITLE = 22;
const LINE = 18;
const GAP = 22;

export function picture(chart, { title, lines }) {
  const scale = devicePixelRatio;
  const canvases = chart.plots.map((plot) => plot.ctx.canvas);
  const width = canvases[0].width + 2 * MARGIN * scale;
  const top = (MARGIN + TITLE + lines.length * LINE + 12) * scale;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = top + canvases.reduce((sum, one) => sum + one.height + GAP * scale, 0);
  const ctx = canvas.getContext("2d");
  const colour = colours("surface", "ink", "ink-soft");
  ctx.fillStyle = colour.surface;
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.textBaseline = "top";
  write(ctx, title, 600, 16, colour.ink, MARGIN, MARGIN, scale);
  lines.forEach((line, i) => write(ctx, line, 400, 12, colour["ink-soft"], MARGIN, MARGIN + TITLE + 4 + i * LINE, scale));
  let y = top;
  canvases.forEach((one, i) => {
    write(ctx, ["Negative share", "Documents"][i], 600, 12, colour["ink-soft"], MARGIN, y / scale, scale);
    ctx.drawImage(one, MARGIN * scale, y + GAP * 0.8 * scale);
    y += one.height + GAP * scale;
  });
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
}

function write(ctx, text, weight, size, colour, x, y, scale) {
  ctx.font = `${weight} ${size * scale}px system-ui, sans-serif`;
  ctx.fillStyle = colour;
  ctx.fillText(text, x * scale, y * scale);
}

/** Saves a blob under a name. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
