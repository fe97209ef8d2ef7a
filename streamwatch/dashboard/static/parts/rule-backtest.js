/* "Would have fired N times in the last 30 days, here": a rule on the documents that are kept, with its progress and reach. */
import { make } from "/static/dom.js";
import { count, plural } from "/static/format.js";
import { KINDS, badge, seriesName, trendLink } from "/static/parts/words.js";

const DAYS = [1, 7, 30];
const ASK_MS = 700;
const SHOWN = 100;                 // alerts in the list; the number above counts all of them
const PAD_MS = 6 * 3600 * 1000;    // around an alert, in the chart that its link opens

export class Backtest {
  constructor(context, text, changed) {
    this.context = context;
    this.text = text;
    this.changed = changed;
    this.fresh = false;
    this.id = null;
    this.days = make("select", { id: "trial-days", "aria-label": "How far back" }, DAYS.map((n) => make("option", { value: String(n), text: n === 1 ? "the last day" : `the last ${n} days`, selected: n === 30 })));
    this.start = make("button", { type: "button", class: "button", on: { click: () => this.run() } }, "Try it on");
    this.result = make("div", { class: "trial-result", role: "status" }, make("p", { class: "hint", text: "See what it would have told before it is saved." }));
    this.root = make("section", { class: "trial", "aria-label": "Trial on the past" }, make("div", { class: "toolbar" }, this.start, this.days), this.result);
  }

  set ready(may) {
    this.start.disabled = !may || Boolean(this.running);
  }

  /** What was found was of another text. */
  outdate() {
    if (this.fresh) this.result.prepend(make("p", { class: "hint", text: "Of the text before your last change:" }));
    this.fresh = false;
  }

  stop() {
    this.running?.abort();
    this.running = null;
  }

  /** Also ends it on the server: one runs for a person, and it costs a core. */
  cancel() {
    const id = this.id;
    this.stop();
    if (id) this.context.api.send("DELETE", `rules/backtest/${encodeURIComponent(id)}`).catch(() => {});
  }

  async run() {
    this.stop();
    const mine = (this.running = new AbortController());
    this.ready = true;
    this.result.replaceChildren(make("p", { class: "soft", text: "Starting …" }));
    try {
      const begun = await this.context.api.send("POST", "rules/backtest", { text: this.text(), days: Number(this.days.value) }, { signal: mine.signal });
      this.id = begun.id;
      this.draw(await this.follow(begun.id, mine.signal));
      this.fresh = true;
    } catch (problem) {
      if (problem.name !== "AbortError") this.result.replaceChildren(make("p", { class: "negative", text: problem.message }));
    } finally {
      if (this.running === mine) this.running = this.id = null;
      this.changed();
    }
  }

  async follow(id, signal) {
    for (;;) {
      const found = await this.context.api.get(`rules/backtest/${encodeURIComponent(id)}`, {}, { signal });
      if (found.state !== "running") return found;
      this.progress(found);
      await new Promise((resolve) => setTimeout(resolve, ASK_MS));
      signal.throwIfAborted();
    }
  }

  progress({ done, total }) {
    const part = total > 0 ? Math.min(1, done / total) : 0;
    this.result.replaceChildren(make("p", { class: "soft", text: total > 0 ? `${count(done)} of ${count(total)} documents` : "Reading documents …" }), make("span", { class: "meter", styles: { "--part": part } }, make("i")));
  }

  draw(found) {
    const { time } = this.context;
    if (found.state !== "done") {
      this.result.replaceChildren(make("p", { class: "negative", text: found.why || "The trial failed." }));
      return;
    }
    if (!found.n_documents) {
      this.result.replaceChildren(make("p", { text: "Nothing to try it on: no document of that span is kept here." }));
      return;
    }
    const reach = Number.isFinite(found.from_ms) ? `${time.at(found.from_ms)} to ${time.at(found.to_ms)} ${time.zone()}` : "";
    this.result.replaceChildren(
      make("p", { class: "trial-says" }, "Would have fired ", make("strong", { text: `${count(found.n_alerts)} ${found.n_alerts === 1 ? "time" : "times"}` }), "."),
      make("p", { class: "hint", text: `On ${plural(found.n_documents, "document")}, ${reach}${found.whole ? "" : "; there are more, which are not read"}.` }),
      found.n_cold ? make("p", { class: "hint", text: `${count(found.n_cold)} of its ${plural(found.n_series, "series", "series")} had too little past for a test of their own.` }) : "",
      make("ul", { class: "trial-alerts" }, (found.alerts ?? []).slice(0, SHOWN).map((one) => make("li", {}, badge(one.severity),
        make("a", { href: trendLink(one.series, { from: one.onset_ms - PAD_MS, to: one.onset_ms + PAD_MS }) }, seriesName(one.series)),
        make("span", { class: "faint", text: `${KINDS[one.kind] ?? one.kind}, ${time.at(one.onset_ms)}` })))),
      found.n_alerts > SHOWN ? make("p", { class: "hint", text: `The first ${SHOWN} are shown.` }) : "");
  }
}
