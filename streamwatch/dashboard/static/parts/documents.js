/* Documents: a list with full-text search, paged. Used by the drawer of the trend and by an alert's page.
 *
 * Every text comes from outside and enters the page as text; what was searched for is marked by the offsets that the
 * server gives.
 */
import { make, marked } from "/static/dom.js";
import { count, percent, plural } from "/static/format.js";
import { sentiment } from "/static/parts/words.js";
import { segments } from "/static/parts/segments.js";
import { empty, failed } from "/static/region.js";
import { throttle } from "/static/throttle.js";

const PAGE = 50;
const TYPING_MS = 250;
const SENTIMENTS = [["", "All"], ["negative", "▼ Negative"], ["neutral", "■ Neutral"], ["positive", "▲ Positive"]];

/** The list for one question: `{series, from, to, …}` as /documents takes it. */
export function documentList(root, context, question) {
  const wanted = { ...question, text: "", sentiment: question.sentiment ?? "" };
  const said = make("p", { class: "hint", role: "status" });
  const list = make("ol", { class: "documents" });
  const foot = make("div", { class: "documents-foot" });
  const exports = make("div", { class: "actions" });
  const search = make("input", { type: "search", placeholder: "Search these documents", "aria-label": "Search these documents" });
  search.addEventListener("input", throttle(() => { wanted.text = search.value.trim(); ask(); }, TYPING_MS, context.signal));
  root.replaceChildren(
    make("div", { class: "documents-bar" }, search, segments("Sentiment", SENTIMENTS, wanted.sentiment, (label) => { wanted.sentiment = label; ask(); })),
    make("div", { class: "documents-said" }, said, exports), list, foot);
  let asking = null;

  async function ask(cursor = null) {
    asking?.abort();
    const mine = (asking = new AbortController());
    context.signal.addEventListener("abort", () => mine.abort());
    list.setAttribute("aria-busy", "true");
    try {
      const answer = await context.api.get("documents", { ...wanted, fold: true, limit: PAGE, cursor }, { signal: mine.signal });
      if (!mine.signal.aborted) draw(answer, cursor);
    } catch (problem) {
      if (problem.name !== "AbortError") foot.replaceChildren(failed(problem, null, () => ask(cursor)));
    } finally {
      if (mine === asking) list.removeAttribute("aria-busy");
    }
  }

  function draw(answer, cursor) {
    const items = answer.items.map((item) => entry(item, context));
    if (cursor) list.append(...items);
    else list.replaceChildren(...items);
    said.textContent = saying(answer, list.children.length, wanted, context);
    exports.replaceChildren(...(answer.n_total ? links(wanted, context) : []));
    foot.replaceChildren(answer.next
      ? make("button", { type: "button", class: "button", text: "Show more", on: { click: () => ask(answer.next) } })
      : (list.children.length ? make("span", { class: "hint", text: "These are all." }) : nothing(wanted)));
  }

  ask();
  return { search, reload: () => ask() };
}

function saying(answer, shown, wanted, { time }) {
  const total = Number.isFinite(answer.n_total) ? answer.n_total : null;
  const back = answer.reaches_back_to_ms && wanted.from && wanted.from < answer.reaches_back_to_ms ? ` Documents are kept from ${time.full(answer.reaches_back_to_ms)} on; counts reach further back.` : "";
  return `${total === null ? "" : `${plural(total, "document")}, `}${count(shown)} shown, copies of a text as one.${back}`;
}

function links(wanted, { api }) {
  return ["csv", "json"].map((format) => make("a", { class: "button small", href: api.address("documents/export", { ...wanted, format }), download: `documents.${format}`, text: format.toUpperCase() }));
}

function nothing(wanted) {
  return wanted.text || wanted.sentiment ? empty("No document is like that", "Other words, or all sentiments, may find some.") : empty("No documents here", "None came in this span, or they are older than what is kept.");
}

function entry(item, { time }) {
  return make("li", { class: "document" },
    make("div", { class: "document-head" },
      said(item),
      make("span", { class: "badge plain", text: topic(item) }),
      item.n_copies > 1 ? make("span", { class: "badge", title: "The same text, counted as amplification", text: plural(item.n_copies, "copy", "copies") }) : null,
      item.low_confidence ? make("span", { class: "badge plain", title: "The model's probability is low", text: "unsure" }) : null,
      make("time", { class: "faint", datetime: new Date(item.published_ms).toISOString(), text: `${time.at(item.published_ms)} ${time.zone()}` })),
    make("p", { class: "document-text" }, ...marked(item.text ?? "", spans(item))),
    make("div", { class: "faint" }, [item.source, item.source_channel && `${item.source_channel} ${item.partition}:${item.offset}`, ...(item.entities ?? [])].filter(Boolean).join(" · ")));
}

const spans = (item) => item.highlights ?? item.highlight ?? [];

function topic({ topic: found, given }) {
  if (given?.topic) return `${given.topic} (given)`;
  return found ? `${found.label} ${percent(found.p)}` : "no topic";
}

function said({ sentiment: found, given }) {
  if (given?.sentiment) return make("span", { title: "Given with the document" }, sentiment(given.sentiment), make("span", { class: "faint", text: " given" }));
  if (!found) return make("span", { class: "sentiment neutral", text: "not read" });
  const box = make("span", { title: Object.entries(found.probabilities ?? {}).map(([label, p]) => `${label} ${percent(p)}`).join(", ") }, sentiment(found.label, found.p));
  box.append(bars(found.probabilities ?? {}));
  return box;
}

/** The three probabilities as one small bar. */
function bars(probabilities) {
  return make("span", { class: "three", "aria-hidden": "true", styles: { "--negative-part": probabilities.negative ?? 0, "--neutral-part": probabilities.neutral ?? 0 } });
}
