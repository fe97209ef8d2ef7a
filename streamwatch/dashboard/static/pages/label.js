/* Label: one document at a time, by keyboard alone. What the model says of it is not shown: people follow what they see. */
import { make } from "/static/dom.js";
import { count, percent, plural } from "/static/format.js";
import { Choice } from "/static/parts/choice.js";
import { guideline } from "/static/parts/guideline.js";
import { TopicChoice } from "/static/parts/topic-choice.js";
import { empty } from "/static/region.js";
import { throttle } from "/static/throttle.js";

const SENTIMENTS = [["negative", "▼ Negative", "1"], ["neutral", "■ Neutral", "2"], ["positive", "▲ Positive", "3"]];
const READINGS = [["market", "Market", "m", "What it means for a price"], ["customer", "Customer", "c", "How somebody feels about a product or service"], ["cannot_tell", "Cannot tell", "v"]];
const OTHERWISE = [["unsure", "Unsure", "u"], ["none_of_these", "None of these topics", "n"], ["personal_data", "Personal data", "p"]];
const SAID = { unsure: "unsure", none_of_these: "none of these topics", personal_data: "personal data" };
const REFRESH_MS = 2000;           // of progress and agreement while others label too

export const page = {
  path: "/label",
  title: "Label",

  async mount(root, context) {
    const desk = new Labelling(root, context);
    if (!context.can("analyst")) return desk.refuse();
    desk.bind();
    return desk.next();
  },
};

class Labelling {
  constructor(root, context) {
    this.context = context;
    this.given = null;
    this.busy = false;
    const stays = () => this.card.focus({ preventScroll: true });
    this.topic = new TopicChoice({ changed: () => this.look(), done: stays });
    this.sentiment = new Choice("Sentiment", SENTIMENTS, { changed: () => this.look() });
    this.reading = new Choice("For whom", READINGS, { changed: () => this.look() });
    this.save = make("button", { type: "button", class: "button main", on: { click: () => this.answer("answered") } }, "Save and next ", make("kbd", { text: "Enter", "aria-hidden": "true" }));
    this.undo = make("button", { type: "button", class: "button", on: { click: () => this.takeBack() } }, "Back ", make("kbd", { text: "b", "aria-hidden": "true" }));
    this.card = make("article", { class: "card document-card", tabindex: "-1", "aria-live": "polite", "aria-label": "Document" });
    this.questions = make("section", { class: "card questions", "aria-label": "What you say of it", hidden: true }, this.form());
    this.progress = make("div", { class: "progress-line" });
    this.stats = make("div", { class: "card-body" });
    root.append(
      make("div", { class: "page-head" }, make("div", {}, make("h1", { text: "Label" }), make("p", { class: "soft", text: "One document at a time. Your answers measure the model and teach the next one." })), this.progress),
      make("div", { class: "label-columns" }, make("div", { class: "stack" }, this.card, this.questions),
        make("aside", { class: "stack", "aria-label": "Guideline and progress" }, guideline(),
          make("section", { class: "card", "aria-label": "Agreement" }, make("div", { class: "card-head" }, make("h2", { text: "How the labelling stands" })), this.stats))));
    this.standing = context.region(this.stats, { label: "Agreement", rows: 4, load: (signal) => context.api.get("labels/stats", {}, { signal }), draw: drawStanding });
    context.live.on("label", throttle(() => this.standing.reload(), REFRESH_MS, context.signal), context);
    context.time.onChange(() => this.given && this.drawDocument(), context);
  }

  form() {
    const other = OTHERWISE.map(([verdict, text, key]) => make("button", { type: "button", class: "choice-button", "aria-keyshortcuts": key, on: { click: () => this.answer(verdict) } }, make("kbd", { text: key, "aria-hidden": "true" }), make("span", { text })));
    return [
      question("Topic", "t", this.topic.root),
      question("Sentiment", "", this.sentiment.root),
      question("For whom is that so?", "", this.reading.root),
      question("Otherwise", "", make("div", { class: "choice", role: "group", "aria-label": "Otherwise" }, other)),
      make("div", { class: "actions" }, this.save, this.undo),
    ];
  }

  bind() {
    const bindings = {
      t: { text: "Find the topic", run: () => this.topic.search.focus() },
      b: { text: "Take the last answer back", run: () => this.takeBack() },
      Enter: { text: "Save and next", run: (event) => press(event) || this.answer("answered") },
    };
    for (const [value, text, key] of SENTIMENTS) bindings[key] = { text: text.slice(2), run: () => this.sentiment.press(value) };
    for (const [value, text, key] of READINGS) bindings[key] = { text: `For whom: ${text.toLowerCase()}`, run: () => this.reading.press(value) };
    for (const [verdict, text, key] of OTHERWISE) bindings[key] = { text: `${text}, and next`, run: () => this.answer(verdict) };
    this.context.keys(bindings);
  }

  refuse() {
    this.card.replaceChildren(empty("Labelling needs the role analyst", `You are signed in as ${this.context.session.role}. An admin can give you a key with that role.`));
  }

  async next() {
    await this.asking(async () => this.show(await this.context.api.get("labels/next")));
  }

  async answer(verdict) {
    if (!this.given || this.busy) return;
    const topic = verdict === "answered" ? this.topic.value : null;
    const felt = verdict === "answered" || verdict === "none_of_these";
    const body = { id: this.given.document.id, verdict, topic, sentiment: felt ? this.sentiment.value : null, reading: (felt && this.reading.value) || "cannot_tell" };
    if (verdict === "answered" && !body.topic && !body.sentiment) {
      this.context.toast("Say a topic or a sentiment first, or that you are unsure.");
      return;
    }
    await this.asking(async () => {
      await this.context.api.send("POST", "labels", body);
      this.context.announce(`Saved: ${said(body)}`);
      this.show(await this.context.api.get("labels/next"));
      this.standing.reload();
    });
  }

  async takeBack() {
    if (this.busy) return;
    await this.asking(async () => {
      this.show(await this.context.api.send("POST", "labels/undo", {}));
      this.context.toast("Your last answer is taken back. Say it anew.");
      this.standing.reload();
    });
  }

  /** One request at a time: a key that is hit twice gives one answer. */
  async asking(work) {
    this.busy = true;
    this.look();
    try {
      await work();
    } catch (problem) {
      if (problem.name !== "AbortError") this.fail(problem);
    } finally {
      this.busy = false;
      this.look();
    }
  }

  fail(problem) {
    this.context.toast(problem.message, { bad: true });
    if (this.given) return;
    this.card.replaceChildren(empty("No document could be fetched", problem.message, make("button", { type: "button", class: "button", text: "Try again", on: { click: () => this.next() } })));
  }

  show(given) {
    if (this.context.signal.aborted) return;
    this.given = given;
    this.questions.hidden = !given;
    if (!given) {
      this.card.replaceChildren(empty("Nothing waits to be labelled", "New documents are drawn as event time goes on: some at random, some that the model is unsure of.",
        make("button", { type: "button", class: "button", text: "Look again", on: { click: () => this.next() } })));
      return;
    }
    this.topic.offer(given.topics);
    for (const one of [this.topic, this.sentiment, this.reading]) one.set(null);
    this.drawDocument();
    this.card.focus({ preventScroll: true });
  }

  drawDocument() {
    const { document: shown, progress } = this.given;
    const { time } = this.context;
    this.card.replaceChildren(
      make("div", { class: "document-meta" }, make("span", { text: time.full(shown.published_ms) }), shown.source ? make("span", { text: shown.source }) : null, make("span", { class: "mono faint", text: shown.id })),
      make("p", { class: "document-text", dir: "auto", text: shown.text }));
    this.progress.replaceChildren(make("strong", { text: plural(progress.mine, "answer") }), make("span", { class: "soft", text: `of yours · ${plural(progress.waiting, "document")} waiting` }));
    this.look();
  }

  /** What can be pressed now. */
  look() {
    this.save.disabled = this.busy || !(this.topic.value || this.sentiment.value);
    this.undo.disabled = this.busy;
    this.card.setAttribute("aria-busy", String(this.busy));
  }
}

function question(title, key, body) {
  return make("section", { class: "question" }, make("h2", {}, title, key ? make("kbd", { text: key, "aria-hidden": "true" }) : null), body);
}

/** Enter on a button presses it, as everywhere; says whether it was one. */
function press(event) {
  const pressed = event.target.closest?.("button,summary,a[href]");
  pressed?.click();
  return Boolean(pressed);
}

function said({ verdict, topic, sentiment }) {
  return SAID[verdict] ?? [topic, sentiment].filter(Boolean).join(", ");
}

/** Progress, agreement, and how often the model was right. */
function drawStanding(found) {
  const rows = Object.entries(found.labellers ?? {}).sort(([, a], [, b]) => b.n - a.n);
  const facts = [["Answered", count(found.n_answered)], ["Waiting", count(found.n_waiting)], ["In conflict", count(found.n_conflicts)]];
  for (const part of ["topic", "sentiment"]) {
    const { n_pairs: nPairs, agreed, kappa } = found.agreement?.[part] ?? {};
    if (nPairs) facts.push([`Agreement on ${part}`, `${percent(agreed)}`, !Number.isFinite(kappa) ? plural(nPairs, "pair") : `κ ${kappa.toFixed(2)}, ${plural(nPairs, "pair")}`]);
  }
  for (const [part, { share, error }] of Object.entries(found.accuracy ?? {})) facts.push([`Model right in ${part}`, percent(share), `± ${percent(error)} of the stream`]);
  return [
    make("dl", { class: "facts" }, facts.map(([name, value, more]) => make("div", {}, make("dt", { text: name }), make("dd", { text: value }), more ? make("dd", { class: "hint plain", text: more }) : null))),
    rows.length ? make("ul", { class: "labellers" }, rows.map(([name, one]) => make("li", {}, make("span", { text: name }), make("span", { class: "num", text: plural(one.n, "answer") })))) : make("p", { class: "hint nobody", text: "Nobody has answered yet." }),
  ];
}
