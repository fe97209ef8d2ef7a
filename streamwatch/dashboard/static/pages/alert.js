/* One alert: what it says, why it fired, what it rests on, how it went, and what people made of it. */
import { make } from "/static/dom.js";
import { big, count, percent, plural, times, weeks } from "/static/format.js";
import { alertActions } from "/static/parts/alert-actions.js";
import { headline } from "/static/parts/alert-cards.js";
import { concentration, evidenceDocuments, evidenceNames, evidenceTerms } from "/static/parts/alert-evidence.js";
import { standingBadges, stateWords } from "/static/parts/alert-row.js";
import { Chart } from "/static/parts/chart.js";
import { Grid } from "/static/parts/grid.js";
import { KINDS, badge, seriesName, trendLink } from "/static/parts/words.js";
import { empty } from "/static/region.js";
import { throttle } from "/static/throttle.js";

const BEFORE_MS = 6 * 3600000;     // of the trend before the onset: enough to see what was usual
const AFTER_MS = 3600000;
const REFRESH_MS = 200;
/** What score and threshold are in, by the kind of the test. */
const SCORES = { negative_share: ["Evidence (e-value)", "Needed to fire"], negative_volume: ["By chance once in", "Needed to fire"] };
const STEP = "5m";                 // of the chart around an alert: minutes of a small series are noise
const SENTENCES = 5;               // of the explanation that are shown at once

export const page = {
  path: "/alerts/:id",
  title: "Alert",
  nav: "/alerts",

  mount(root, context) {
    const list = make("div");
    const plot = make("div", { class: "plot-area small" });
    root.append(make("p", {}, make("a", { href: "/alerts", text: "← All alerts" })), list);
    let charted = "";
    const alert = context.region(list, {
      label: "The alert", rows: 8,
      load: (signal) => found(context, signal),
      draw: (item) => {
        if (!item) return make("div", { class: "state" }, make("h1", { text: "There is no such alert" }), make("p", { class: "soft", text: "It may be older than the channel keeps, or the link is not whole." }));
        context.setTitle(`${item.alert.series}: ${KINDS[item.alert.kind] ?? item.alert.kind}`);
        const drawn = draw(item, plot, context, () => alert.reload());
        const key = `${item.alert.id}/${item.alert.revision}`;
        if (charted !== key) { charted = key; chart(item.alert, plot, context); }
        return drawn;
      },
    });
    const mine = (events) => events.some((event) => (event.alert?.id ?? event.alert ?? context.params.id) === context.params.id);
    const reload = throttle(() => alert.reload(), REFRESH_MS, context.signal);
    context.live.on("alert", (events) => { if (mine(events)) reload(); }, context);
    context.live.on("decision", reload, context);
    context.live.on("reset", reload, context);
    context.time.onChange(reload, context);
    context.keys({ t: { text: "Open the trend", run: () => list.querySelector(".trend-link")?.click() } });
  },
};

async function found({ api, params }, signal) {
  try {
    return await api.get(`alerts/${encodeURIComponent(params.id)}`, {}, { signal });
  } catch (problem) {
    if (problem.status === 404) return null;
    throw problem;
  }
}

function draw(item, plot, context, reload) {
  const { alert } = item;
  return [
    head(item, context, reload),
    make("div", { class: "alert-columns" },
      make("div", { class: "stack" }, why(item), alert.n || alert.series ? trend(alert, plot, context) : null,
        make("section", { class: "card" }, make("div", { class: "card-head" }, make("h2", { text: "Documents behind it" }), make("a", { class: "button small", href: trendOf(alert, context), text: "All of them" })), make("div", { class: "card-body documents-card" }, evidenceDocuments(alert.evidence ?? {}, context)))),
      make("div", { class: "stack" }, figures(alert), evidenceTerms(alert.evidence ?? {}), evidenceNames(alert.evidence ?? {}), alert.evidence?.n_distinct_texts ? concentration(alert.evidence) : null, members(alert, context), timeline(item, context), decisions(item, context), about(alert))),
  ];
}

function head(item, context, reload) {
  const { alert, standing } = item;
  const { time } = context;
  return make("div", { class: `page-head alert-head ${alert.severity}` },
    make("div", {},
      make("div", { class: "alert-marks row" }, badge(alert.severity), badge(alert.state, stateWords(alert)), ...standingBadges(standing)),
      make("h1", {}, seriesName(alert.series)),
      make("p", { class: "alert-headline" }, ...headline(alert)),
      make("p", { class: "soft", text: `${KINDS[alert.kind] ?? alert.kind}, since ${time.full(time.parse(alert.onset))}; last changed ${time.at(time.parse(alert.at))}.` })),
    make("div", { class: "actions" }, ...alertActions(item, context, reload), copyLink(context)));
}

function copyLink({ toast }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      toast("The link is copied.");
    } catch {
      toast(location.href);        // no clipboard on an unsafe origin: then it is there to be marked
    }
  };
  return make("button", { type: "button", class: "button quiet", text: "Copy link", on: { click: copy } });
}

function card(title, ...content) {
  return make("section", { class: "card" }, make("div", { class: "card-head" }, make("h2", { text: title })), make("div", { class: "card-body stack" }, ...content));
}

function why({ why: sentences = [] }) {
  if (!sentences.length) return null;
  return card("Why it fired", make("ul", { class: "why" }, sentences.slice(0, SENTENCES).map((text) => make("li", { text }))),
    sentences.length > SENTENCES ? make("details", {}, make("summary", { text: "More" }), make("ul", { class: "why" }, sentences.slice(SENTENCES).map((text) => make("li", { text })))) : null);
}

function figures(alert) {
  if (alert.kind === "stalled") return null;
  const facts = [
    ["Documents", count(alert.n)], ["Negative", count(alert.k)], ["Negative share", percent(alert.share)], ["Usually", `${percent(alert.p0_low)} – ${percent(alert.p0_high)}`],
    ["Expected negatives", count(Math.round(alert.k_expected))], ["Against expected", times(alert.lift)], ...(SCORES[alert.kind] ?? SCORES.negative_share).map((name, i) => [name, (alert.kind === "negative_volume" ? weeks : big)([alert.score, alert.threshold][i])]),
  ];
  return card("In numbers", make("dl", { class: "facts" }, facts.map(([name, value]) => make("div", {}, make("dt", { text: name }), make("dd", { text: value })))));
}

function spanOf(alert, { time }) {
  const onset = time.parse(alert.onset);
  return { from: onset - BEFORE_MS, to: Math.max(time.parse(alert.at), onset) + (alert.state === "resolved" ? AFTER_MS : 60000) };
}

const trendOf = (alert, context) => trendLink(alert.series, spanOf(alert, context));

function trend(alert, plot, context) {
  return make("section", { class: "card" }, make("div", { class: "card-head" }, make("h2", { text: "Around it" }), make("a", { class: "button small trend-link", href: trendOf(alert, context), text: "Open the trend" })), plot);
}

async function chart(alert, plot, context) {
  try {
    const answer = await context.api.get("trends", { series: alert.series, ...spanOf(alert, context), step: STEP, baseline: true }, context);
    if (!answer.n_rows) { plot.replaceChildren(empty("Its windows are no longer kept")); return; }
    const made = new Chart(plot, { context, label: `Trend of ${alert.series}`, onZoom: (from, to) => context.navigate(trendLink(alert.series, { from: Math.floor(from), to: Math.ceil(to) })), onPick: () => context.navigate(trendOf(alert, context)), onCursor: () => {} });
    made.show(new Grid(answer), { marks: { alerts: answer.alerts ?? [], promotions: answer.promotions ?? [], toMs: answer.to_ms } });
  } catch (problem) {
    if (problem.name !== "AbortError") plot.replaceChildren(empty("The trend around it is not there", problem.message));
  }
}

function members(alert, { time }) {
  const others = (alert.members ?? []).filter((member) => member.id !== alert.id);
  if (!others.length) return null;
  return card("Series that tell of the same", make("ul", { class: "members" }, others.map((member) => make("li", {},
    make("a", { href: trendLink(member.series) }, seriesName(member.series)), member.firing ? badge("firing") : badge("resolved", "calm"),
    make("span", { class: "faint", text: `${count(member.k)} negative of ${plural(member.n, "document")}, ${times(member.lift)} of expected, since ${time.at(time.parse(member.onset))}` })))));
}

function timeline({ timeline: steps = [], revision_count: revisions }, { time }) {
  if (!steps.length) return null;
  return card("How it went", make("ol", { class: "timeline" }, [...steps].reverse().map((step) => make("li", { class: step.state },
    make("span", { class: "strong", text: step.state }), ` ${step.severity}`,
    make("div", { class: "faint", text: `${time.at(time.parse(step.at))} ${time.zone()} · ${count(step.k)} negative of ${count(step.n)} (${percent(step.share)})` })))),
  revisions > steps.length ? make("p", { class: "hint", text: `${count(revisions)} revisions in all; the newest are shown.` }) : null);
}

function decisions({ standing }, { time }) {
  const rows = [];
  const said = (what, one) => rows.push(make("li", {}, make("span", { class: "strong", text: what }), ` ${one.made_by}`, make("div", { class: "faint", text: `${time.full(time.parse(one.made_at))}` }), one.comment ? make("p", { text: one.comment }) : null));
  if (standing?.acknowledgement) said("Seen by", standing.acknowledgement);
  if (standing?.verdict) said(standing.verdict.true ? "Real, says" : "False alarm, says", standing.verdict);
  return rows.length ? card("What people said", make("ul", { class: "timeline" }, rows)) : null;
}

function about(alert) {
  const facts = [["Rule", alert.rule], ["Revision", count(alert.revision)], ["Detector", alert.detector], ["Model", alert.model], ["Routes", (alert.routes ?? []).join(", ")], ...Object.entries(alert.labels ?? {}), ["Id", alert.id]];
  return make("details", { class: "card reading" }, make("summary", { text: "Rule, model and versions" }), make("dl", { class: "card-body about" }, facts.filter(([, value]) => value).map(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })])));
}
