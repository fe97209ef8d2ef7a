/* The series of a trend as chips, and a field that finds more of them. */
import { make } from "/static/dom.js";
import { MOST_SERIES } from "/static/parts/trend-query.js";
import { DASHES, SERIES_COLOURS } from "/static/parts/chart-plots.js";
import { seriesName } from "/static/parts/words.js";
import { draw } from "/static/dom.js";
import { throttle } from "/static/throttle.js";

const SUGGESTED = 30;
const TYPING_MS = 200;

export function seriesPicker(context, names, change) {
  const chips = make("ul", { class: "chips", "aria-label": "Series shown" });
  const options = make("datalist", { id: "series-found" });
  const input = make("input", { type: "search", list: "series-found", placeholder: "Add a series", "aria-label": "Add a series", autocomplete: "off" });
  let shown = names;

  const suggest = throttle(async () => {
    try {
      const { items } = await context.api.get("series", { search: input.value, sort: "n", limit: SUGGESTED }, context);
      options.replaceChildren(...items.map((item) => make("option", { value: item.name })));
    } catch { /* typing a whole name works without suggestions */ }
  }, TYPING_MS, context.signal);
  const add = () => {
    const name = input.value.trim();
    if (!name || shown.includes(name)) return;
    if (shown.length >= MOST_SERIES) { context.toast(`${MOST_SERIES} lines are as many as one can tell apart: take one away first.`); return; }
    input.value = "";
    change([...shown, name]);
  };
  input.addEventListener("focus", suggest, { once: true });
  input.addEventListener("input", (event) => { suggest(); if (event.inputType === undefined || event.inputType === "insertReplacementText") add(); });
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); add(); } });

  function show(next) {
    shown = next;
    chips.replaceChildren(...next.map((name, i) => make("li", { class: "chip" }, swatch(i, next.length), seriesName(name),
      make("button", { type: "button", "aria-label": `Take ${name} away`, text: "×", on: { click: () => change(shown.filter((one) => one !== name)) } }))));
  }
  show(names);
  return { root: make("div", { class: "series-picker" }, chips, input, options), show };
}

/** The line of a series as it is drawn: its colour and its dash. */
export function swatch(i, of) {
  return draw("svg", { class: "swatch", viewBox: "0 0 22 8", width: 22, height: 8, "aria-hidden": "true" },
    draw("line", { x1: 0, y1: 4, x2: 22, y2: 4, stroke: of === 1 ? "var(--negative)" : `var(--${SERIES_COLOURS[i % 5]})`, "stroke-width": 2.5, "stroke-dasharray": DASHES[i % 5].join(" ") || null }));
}
