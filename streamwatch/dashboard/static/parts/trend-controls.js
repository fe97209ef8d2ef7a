/* The controls of a trend: span, step, comparison, filters, and how it is shown. */
import { make } from "/static/dom.js";
import { segments } from "/static/parts/segments.js";
import { COMPARISONS, SPANS, STEPS } from "/static/parts/trend-query.js";

const SOURCES = [["", "All sources"], ["news", "News"], ["social", "Social"]];
const SENTIMENTS = [["", "Any sentiment"], ["negative", "Negative"], ["neutral", "Neutral"], ["positive", "Positive"]];

/** `change(part)` is called with what differs now. Returns {root, show(wanted, span)}. */
export function trendControls(context, wanted, change) {
  const { time } = context;
  const spans = make("div");
  const from = make("input", { type: "datetime-local", "aria-label": "From" });
  const to = make("input", { type: "datetime-local", "aria-label": "To" });
  const zone = make("span", { class: "hint" });
  const apply = make("button", { type: "button", class: "button small", text: "Show", on: { click: () => {
    const [first, last] = [time.fromInput(from.value), time.fromInput(to.value)];
    if (!(first < last)) { context.toast("The span must end after it begins.", { bad: true }); return; }
    free.open = false;
    change({ from: first, to: last });
  } } });
  const free = make("details", { class: "free-span" }, make("summary", { class: "button", text: "Dates" }),
    make("div", { class: "popover stack" }, field("From", from), field("To", to), zone, apply));
  const selects = {
    step: choice("Step", STEPS, wanted.step, (step) => change({ step })),
    compare: choice("Compare with", COMPARISONS, wanted.compare, (compare) => change({ compare })),
    source_kind: choice("Source", SOURCES, wanted.source_kind, (value) => change({ source_kind: value })),
    sentiment: choice("Sentiment", SENTIMENTS, wanted.sentiment, (value) => change({ sentiment: value })),
  };
  const words = {
    ticker: word("Ticker", wanted.ticker, (ticker) => change({ ticker })),
    topic: word("Topic", wanted.topic, (topic) => change({ topic })),
  };
  const back = make("button", { type: "button", class: "button", text: "Zoom out", hidden: true, on: { click: () => change({ out: true }) } });
  const further = make("details", { class: "free-span" }, make("summary", { class: "button", text: "Filters" }),
    make("div", { class: "popover stack" }, make("p", { class: "hint", text: "A filter across a series is counted from the documents that are kept, without a baseline." }),
      field("Source", selects.source_kind), field("Sentiment", selects.sentiment), field("Ticker", words.ticker), field("Topic", words.topic)));
  for (const popover of [free, further]) popover.addEventListener("keydown", (event) => { if (event.key === "Escape") { popover.open = false; popover.firstChild.focus(); } });
  const root = make("div", { class: "toolbar trend-controls" }, spans, free, back, selects.step, selects.compare, further);

  function show(now, span) {
    spans.replaceChildren(segments("Span", SPANS, now.from === null ? now.hours : null, (hours) => change({ hours, from: null, to: null })));
    if (span.from) { from.value = time.toInput(span.from); to.value = time.toInput(span.to); }
    zone.textContent = `In ${time.zone()}.`;
    back.hidden = now.from === null;
    for (const [name, select] of Object.entries({ ...selects, ...words })) select.value = now[name];
    const n = ["source_kind", "ticker", "topic", "sentiment"].filter((name) => now[name]).length;
    further.firstChild.textContent = n ? `Filters (${n})` : "Filters";
  }
  document.addEventListener("click", (event) => { for (const one of [free, further]) if (!one.contains(event.target)) one.open = false; }, { signal: context.signal });
  return { root, show };
}

function field(label, control) {
  return make("label", { class: "field" }, make("span", { text: label }), control);
}

function choice(label, options, value, choose) {
  const select = make("select", { "aria-label": label }, options.map(([key, text]) => make("option", { value: key, text, selected: key === value })));
  select.addEventListener("change", () => choose(select.value));
  return select;
}

function word(label, value, choose) {
  const input = make("input", { type: "text", value, "aria-label": label, placeholder: "any" });
  input.addEventListener("change", () => choose(input.value.trim()));
  return input;
}
