/* Overview: which series are unusual now. The most surprising first, what is usual beside what is; alerts above it all. */
import { make } from "/static/dom.js";
import { count, percent, plural } from "/static/format.js";
import { openAlerts } from "/static/parts/alert-cards.js";
import { SeriesTable } from "/static/parts/series-table.js";
import { segments } from "/static/parts/segments.js";
import { seriesName, trendLink } from "/static/parts/words.js";
import { empty } from "/static/region.js";
import { throttle } from "/static/throttle.js";

const HOURS = [[1, "1 h"], [6, "6 h"], [24, "24 h"], [168, "7 d"]];
const KINDS = [["", "All"], ["ticker", "Tickers"], ["entity", "Entities"], ["topic", "Topics"], ["source", "Sources"]];
const VOICES = [["ticker:", "Tickers"], ["entity:", "Entities"], ["topic:", "Topics"]];
const LIMIT = 200;                 // rows that people scroll; the search finds the others
const REFRESH_MS = 800;            // of the table while documents come in: a change is seen within a second

export const page = {
  path: "/",
  title: "Overview",

  mount(root, context) {
    const wanted = {
      hours: Number(context.query.get("hours")) || 24, kind: context.query.get("kind") ?? "",
      search: context.query.get("search") ?? "", sort: context.query.get("sort") ?? "surprise", voice: "",
    };
    const said = make("p", { class: "soft" });
    const alerts = make("section", { class: "open-alerts", "aria-label": "Open alerts" });
    const list = make("div");
    const voices = make("div", { class: "card-body" });
    const table = new SeriesTable(context, { sort: (by) => { wanted.sort = by; remember(); }, selected: drawSelection });
    const selection = make("div", { class: "actions selection", hidden: true });

    const voiceChoice = make("div");
    const head = make("div", { class: "page-head" },
      make("div", {}, make("h1", { text: "What is unusual now" }), said),
      make("div", { class: "toolbar" }, segments("Span", HOURS, wanted.hours, (hours) => { wanted.hours = hours; remember(); voice.reload(); })));
    const search = make("input", { type: "search", placeholder: "Find a series", "aria-label": "Find a series", value: wanted.search });
    search.addEventListener("input", throttle(() => { wanted.search = search.value; remember(); }, 250, context.signal));
    const watched = make("div", { class: "watched", hidden: true });
    root.append(head, watched, alerts, make("div", { class: "overview-columns" },
      make("section", { class: "card", "aria-label": "Series" },
        make("div", { class: "card-head" }, segments("Kind of series", KINDS, wanted.kind, (kind) => { wanted.kind = kind; remember(); }), selection, search),
        list),
      make("aside", { class: "stack", "aria-label": "Share of voice" },
        make("section", { class: "card" },
          make("div", { class: "card-head" }, make("h2", { text: "Share of voice" }), voiceChoice),
          voices),
        reading())));

    const { api } = context;
    const series = context.region(list, {
      label: "The table of series", rows: 10,
      load: (signal) => api.get("series", { kind: wanted.kind, search: wanted.search, sort: wanted.sort, hours: wanted.hours, series: [...context.watchlist.names() ?? []], limit: LIMIT }, { signal }),
      draw: (answer) => { say(answer); return drawTable(answer); },
    });
    const voice = context.region(voices, {
      label: "Share of voice", rows: 5,
      load: (signal) => loadVoices(signal),
      draw: ({ items }) => drawVoices(items, context.watchlist.names()),
    });
    openAlerts(alerts, context);

    /** Of tickers, unless nobody names one; then of the kind that somebody names. */
    async function loadVoices(signal) {
      let found = null;
      for (const [prefix] of wanted.voice ? [[wanted.voice]] : VOICES) {
        found = await api.get("series/share-of-voice", { prefix, hours: wanted.hours }, { signal });
        voiceChoice.replaceChildren(segments("Of", VOICES, prefix, (chosen) => { wanted.voice = chosen; voice.reload(); }));
        if (found.items.length) break;
      }
      return found;
    }

    function remember() {
      const { hours, kind, search: text, sort } = wanted;
      context.setQuery({ hours: hours === 24 ? null : hours, kind, search: text, sort: sort === "surprise" ? null : sort });
      series.reload();
    }

    function say(answer) {
      const span = HOURS.find(([hours]) => hours === wanted.hours)?.[1] ?? `${wanted.hours} h`;
      said.textContent = `Negative share of each series in the last ${span} against what it usually is there. `
        + `${context.time.at(answer.from_ms)} to ${context.time.at(Math.min(answer.to_ms, answer.watermark_ms ?? answer.to_ms))} ${context.time.zone()}.`;
    }

    function drawTable(answer) {
      const { items } = answer;
      if (items.length) return [table.show(items, wanted), answer.next ? make("p", { class: "hint table-more", text: `The first ${LIMIT} are shown. The search finds the others.` }) : null];
      if (wanted.search || wanted.kind || context.watchlist.chosen) return empty("No series is like that", "Try another word, another kind, or all series instead of a watchlist.");
      return empty("No documents yet", "Series show here as soon as the first documents are classified.");
    }

    function drawSelection(names) {
      selection.hidden = !names.length;
      const query = new URLSearchParams(names.map((name) => ["series", name]));
      selection.replaceChildren(
        make("a", { class: "button small main", href: `/trend?${query}`, text: `Compare ${names.length}` }),
        make("button", { type: "button", class: "button small", text: "Save as watchlist", on: { click: () => saveList(context, names) } }),
        make("button", { type: "button", class: "button small quiet", text: "Clear", on: { click: () => table.clear() } }));
    }

    const watching = () => { drawWatched(watched, context); series.reload(); voice.reload(); };
    drawWatched(watched, context);
    context.watchlist.onChange(watching, context);
    context.time.onChange(() => series.reload(), context);
    context.live.on("trend", throttle(() => { series.reload(); voice.reload(); }, REFRESH_MS, context.signal), context);
    context.live.on("reset", () => { series.reload(); voice.reload(); }, context);
    context.keys({ j: { text: "Next series", run: () => table.move(1) }, k: { text: "Series before", run: () => table.move(-1) }, x: { text: "Choose the series, to compare or to watch", run: () => table.toggle() } });
  },
};

/** Which watchlist everything is kept to, and the way out. */
function drawWatched(root, { watchlist, ask, toast }) {
  root.hidden = !watchlist.chosen;
  const remove = async () => {
    if (!(await ask({ title: `Delete the watchlist ${watchlist.chosen}?`, text: "Its series stay; only the list goes.", confirm: "Delete", danger: true }))) return;
    await watchlist.remove(watchlist.chosen).catch((problem) => toast(problem.message, { bad: true }));
  };
  root.replaceChildren(make("span", {}, "All pages are kept to ", make("b", { text: watchlist.chosen }), ` (${count(watchlist.names()?.size ?? 0)} series).`),
    make("button", { type: "button", class: "button small", text: "Show all series", on: { click: () => watchlist.choose("") } }),
    make("button", { type: "button", class: "button small quiet", text: "Delete the list", on: { click: remove } }));
}

async function saveList(context, names) {
  const answer = await context.ask({ title: "Save a watchlist", text: `${names.length} series. Chosen in the bar above, it filters every page.`, fields: [{ name: "name", label: "Name", required: true, maxlength: 100 }], confirm: "Save" });
  if (!answer) return;
  try {
    await context.watchlist.save(answer.name, names);
    context.toast(`Watchlist ${answer.name} is saved and in use.`);
  } catch (problem) {
    if (problem.name !== "AbortError") context.toast(problem.message, { bad: true });
  }
}

function drawVoices(items, names) {
  const kept = (names ? items.filter((item) => names.has(item.name)) : items).slice(0, 12);
  if (!kept.length) return empty("Nobody is named", "Documents of this span name none of these.");
  return make("ul", { class: "voices" }, kept.map((item) => make("li", {},
    make("a", { href: trendLink(item.name) }, seriesName(item.name)),
    make("span", { class: "num", text: percent(item.part) }),
    make("span", { class: "meter voice", styles: { "--part": item.part, "--bad": item.n ? item.negative / item.n : 0 } }, make("i")),
    make("span", { class: "faint", text: `${plural(item.n, "document")}, ${percent(item.n ? item.negative / item.n : NaN)} negative` }))));
}

/** How to read the table: folded away after it was read once. */
function reading() {
  return make("details", { class: "card reading" }, make("summary", { text: "How to read this" }), make("div", { class: "card-body stack soft" },
    make("p", { text: "The grey band is where the negative share usually lies at these hours, the tick what is expected. A bar with a pointed end stands above it by two standard deviations or more." }),
    make("p", { text: "The share counts every document, the band what alerts are tested on: a text once in 24 hours, however often it is copied or varied. Of a series that lives on copies, the share may lie above its band for ever." }),
    make("p", { text: "Surprise counts standard deviations above what is expected, with the swings that the series has anyway taken into account. It orders the table; it raises no alert. Alerts come from a sequential test with a bound on false alarms." }),
    make("p", { text: "Share of voice is the part of all documents about one of these. A document that names two counts for both." })));
}
