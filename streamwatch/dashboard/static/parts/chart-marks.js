/* What stands on a chart besides its lines: alerts as bands with a flag, promotions of models as dashed lines. */
const FLAG_PX = 7;

/** A uPlot plugin. `marks()` gives {alerts: [{onset_ms, end_ms, severity, state}], promotions: [{made_ms}], toMs}. */
export function marksPlugin(marks, colour, named) {
  return { hooks: { drawClear: [(chart) => bands(chart, marks(), colour())], draw: [(chart) => flags(chart, marks(), colour(), named)] } };
}

function inside(chart, ms) {
  return Math.max(chart.bbox.left, Math.min(chart.bbox.left + chart.bbox.width, chart.valToPos(ms, "x", true)));
}

function bands(chart, { alerts, toMs }, colour) {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.globalAlpha = 0.1;
  for (const alert of alerts) {
    const left = inside(chart, alert.onset_ms);
    ctx.fillStyle = alert.severity === "critical" ? colour.negative : colour.warning;
    ctx.fillRect(left, bbox.top, Math.max(1, inside(chart, alert.end_ms ?? toMs) - left), bbox.height);
  }
  ctx.restore();
}

function flags(chart, { alerts, promotions }, colour, named) {
  const { ctx, bbox } = chart;
  const size = FLAG_PX * devicePixelRatio;
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  for (const alert of alerts) {
    const x = chart.valToPos(alert.onset_ms, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.fillStyle = ctx.strokeStyle = alert.severity === "critical" ? colour.negative : colour.warning;
    line(ctx, x, bbox, []);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x + size * 1.4, bbox.top + size / 2);
    ctx.lineTo(x, bbox.top + size);
    ctx.fill();
  }
  for (const { made_ms } of promotions) {
    const x = chart.valToPos(made_ms, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.fillStyle = ctx.strokeStyle = colour["ink-faint"];
    line(ctx, x, bbox, [4 * devicePixelRatio, 3 * devicePixelRatio]);
    if (!named) continue;
    ctx.font = `${10 * devicePixelRatio}px sans-serif`;
    ctx.textAlign = "left";
    ctx.textBaseline = "bottom";
    ctx.fillText("model", x + 3 * devicePixelRatio, bbox.top + bbox.height - 2 * devicePixelRatio);
  }
  ctx.restore();
}

function line(ctx, x, bbox, dash) {
  ctx.setLineDash(dash);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.setLineDash([]);
}
