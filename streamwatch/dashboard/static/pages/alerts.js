/* Alerts: the live list, filtered by what stands in the address, and how often each rule was right. */
import { make } from "/static/dom.js";
import { count, percent } from "/static/format.js";
import { concerns } from "/static/parts/alert-cards.js";
import { alertRow } from "/static/parts/alert-row.js";
import { silenceList } from "/static/parts/silences.js";
import { segments } from "/static/parts/segments.js";
import { empty, failed } from "/static/region.js";
import { throttle } from "/static/throttle.js";
import { isSilenced } from "/static/parts/words.js";

const STATES = [["open", "Open"], ["resolved", "Resolved"], ["", "All"]];
const SEVERITIES = [["", "Any severity"], ["critical", "Critical"], ["warning", "Warning"], ["info", "Info"]];
const KINDS = [["", "Any kind"], ["negative_share", "Negative share"], ["negative_volume", "Number of negatives"], ["stalled", "Silent channel"], ["drift", "Drift"]];
const PAGE = 50;
const OPEN_MOST = 200;             // open alerts are few: all of them in one answer
const TYPING_MS = 250;
const REFRESH_MS = 200;            // after an event: an alert is seen within a second of its record

export const page = {
  path: "/alerts",
  title: "Alerts",

  mount(root, context) {
    const read = (name, otherwise = "") => context.query.get(name) ?? otherwise;
    const wanted = { state: read("state", "open"), severity: read("severity"), kind: read("kind"), series: read("series"), rule: read("rule"), silenced: read("silenced") };
    const said = make("p", { class: "soft", role: "status" });
    const list = make("div");
    const precision = make("div");
    const silences = make("section", { class: "card", "aria-label": "Silences" });
    const change = (part) => { Object.assign(wanted, part); context.setQuery({ ...wanted, state: wanted.state === "open" ? null : wanted.state || "all" }); alerts.reload(); };
    if (wanted.state === "all") wanted.state = "";

    root.append(make("div", { class: "page-head" }, make("div", {}, make("h1", { text: "Alerts" }), said)),
      toolbar(wanted, change, context),
      make("div", { class: "alerts-columns" },
        make("section", { class: "card", "aria-label": "Alerts" }, list),
        make("aside", { class: "stack", "aria-label": "Precision and silences" }, make("section", { class: "card" }, make("div", { class: "card-head" }, make("h2", { text: "How often rules are right" })), precision), silences)));

    const alerts = context.region(list, { label: "Alerts", rows: 6, load: (signal) => find(wanted, context, signal), draw: (found) => { said.textContent = saying(found, wanted); return drawList(found, wanted, context); } });
    const silent = silenceList(silences, context);
    const judged = context.region(precision, { label: "Precision", rows: 3, load: (signal) => context.api.get("alerts/precision", {}, { signal }), draw: drawPrecision });
    context.live.on("alert", throttle(alerts.reload, REFRESH_MS, context.signal), context);
    context.live.on("decision", throttle(() => { alerts.reload(); judged.reload(); silent.reload(); }, REFRESH_MS, context.signal), context);
    context.live.on("reset", () => { alerts.reload(); judged.reload(); }, context);
    context.watchlist.onChange(alerts.reload, context);
    context.time.onChange(alerts.reload, context);
    context.keys({ j: { text: "Next alert", run: () => move(list, 1) }, k: { text: "Alert before", run: () => move(list, -1) } });
  },
};

function toolbar(wanted, change, { signal }) {
  const word = (name, text) => {
    const input = make("input", { type: "search", placeholder: text, "aria-label": text, value: wanted[name] });
    input.addEventListener("input", throttle(() => change({ [name]: input.value.trim() }), TYPING_MS, signal));
    return input;
  };
  const choice = (name, text, options) => {
    const select = make("select", { "aria-label": text }, options.map(([value, label]) => make("option", { value, text: label, selected: value === wanted[name] })));
    select.addEventListener("change", () => change({ [name]: select.value }));
    return select;
  };
  const silenced = make("input", { type: "checkbox", checked: wanted.silenced === "shown", on: { change: () => change({ silenced: silenced.checked ? "shown" : "" }) } });
  return make("div", { class: "toolbar alerts-toolbar" }, segments("State", STATES, wanted.state, (state) => change({ state })),
    choice("severity", "Severity", SEVERITIES), choice("kind", "Kind", KINDS), word("series", "Series"), word("rule", "Rule"),
    make("label", { class: "check" }, silenced, "Silenced too"));
}

/** Open means firing or pending. */
function find(wanted, { api }, signal, cursor = null) {
  const { severity, kind, series, rule } = wanted;
  const state = wanted.state === "open" ? ["firing", "pending"] : wanted.state;
  return api.get("alerts", { state, severity, kind, series, rule, limit: wanted.state === "open" ? OPEN_MOST : PAGE, cursor }, { signal });
}

function kept(found, wanted, context) {
  const names = context.watchlist.names();
  const hidden = (item) => wanted.silenced !== "shown" && wanted.state === "open" && isSilenced(item.standing);
  return found.items.filter((item) => !hidden(item) && concerns(item.alert, names));
}

function saying(found, wanted) {
  const silenced = wanted.state === "open" ? found.items.filter((item) => isSilenced(item.standing)).length : 0;
  const firing = found.items.filter((item) => item.alert.state === "firing" && !isSilenced(item.standing)).length;
  if (wanted.state !== "open") return "Newest first.";
  return `${firing ? `${count(firing)} firing` : "None is firing"}${silenced ? `, ${count(silenced)} silenced` : ""}. The list changes as alerts do.`;
}

function drawList(found, wanted, context) {
  const items = kept(found, wanted, context).sort((a, b) => context.time.parse(b.alert.onset) - context.time.parse(a.alert.onset));
  if (!items.length) return wanted.state === "open" ? empty("No alert is open", "What fires shows here within a second. Resolved ones are under Resolved.") : empty("No alert is like that", "Fewer filters may find some.");
  const rows = make("ol", { class: "alert-list" }, items.map((item) => alertRow(item, context)));
  return [rows, found.next ? more(found.next, rows, wanted, context) : null];
}

function more(cursor, rows, wanted, context) {
  const foot = make("div", { class: "documents-foot" });
  const ask = async () => {
    try {
      const found = await find(wanted, context, context.signal, cursor);
      rows.append(...kept(found, wanted, context).map((item) => alertRow(item, context)));
      foot.replaceWith(found.next ? more(found.next, rows, wanted, context) : "");
    } catch (problem) {
      if (problem.name !== "AbortError") foot.replaceChildren(failed(problem, null, ask));
    }
  };
  foot.append(make("button", { type: "button", class: "button", text: "Show older ones", on: { click: ask } }));
  return foot;
}

function drawPrecision({ items }) {
  if (!items.length) return empty("No rule has fired yet");
  return make("ul", { class: "precisions" }, items.map((item) => make("li", {},
    make("div", { class: "precision-head" }, make("b", { text: item.rule }), make("b", { text: percent(item.precision) })),
    Number.isFinite(item.precision) ? make("span", { class: "meter", styles: { "--part": item.precision } }, make("i")) : null,
    make("span", { class: "faint", text: precisionWords(item) }))));
}

function precisionWords({ n_true: real, n_false: wrong, n_unjudged: open, low, high }) {
  const judged = real + wrong ? `${count(real)} real, ${count(wrong)} false; the true rate lies between ${percent(low)} and ${percent(high)}` : "nobody has judged one yet";
  return `${judged}. ${count(open)} not judged.`;
}

function move(list, by) {
  const links = [...list.querySelectorAll(".row-link")];
  const at = links.indexOf(document.activeElement);
  links[Math.max(0, Math.min(links.length - 1, at < 0 ? 0 : at + by))]?.focus();
}
