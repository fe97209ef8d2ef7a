/* Writing a rule: checked while it is written, tried on the past, then saved. Whoever saves second is told who was first. */
import { make } from "/static/dom.js";
import { Backtest } from "/static/parts/rule-backtest.js";
import { ruleSummary } from "/static/parts/rule-summary.js";
import { badge } from "/static/parts/words.js";

const CHECK_MS = 350;              // after the last key

export class RuleEditor {
  constructor(root, context, rule, { saved }) {
    this.context = context;
    this.rule = rule;
    this.saved = saved;
    this.root = root;
    this.good = null;
    this.text = make("textarea", { id: "rule-text", class: "mono", rows: 10, spellcheck: "false", autocapitalize: "off", maxlength: 16384, "aria-describedby": "rule-faults", value: rule.text, on: { input: () => this.later() } });
    this.faults = make("div", { id: "rule-faults", role: "status" });
    this.comment = make("input", { id: "rule-comment", type: "text", maxlength: 2000, placeholder: "Why, for those who wonder" });
    this.save = make("button", { type: "submit", class: "button main", text: "Save" });
    this.backtest = new Backtest(context, () => this.text.value, () => this.look());
    const form = make("form", { class: "rule-editor", on: { submit: (event) => { event.preventDefault(); this.write(); } } },
      make("div", { class: "editor-columns" },
        make("div", { class: "stack" }, make("div", { class: "field" }, make("label", { for: "rule-text", text: "The rule, as in a rules file" }), this.text), this.faults),
        this.backtest.root),
      make("div", { class: "toolbar" }, make("div", { class: "field grow" }, make("label", { for: "rule-comment", text: "Comment" }), this.comment), this.save,
        make("button", { type: "button", class: "button", text: "Cancel", on: { click: () => this.close() } })));
    root.replaceChildren(make("section", { class: "card editor", "aria-label": "Edit a rule" }, make("div", { class: "card-head" }, make("h2", { text: rule.revision ? `Change ${rule.name}` : "A new rule" })), make("div", { class: "card-body" }, form)));
    context.signal.addEventListener("abort", () => this.close());
    this.text.focus();
    this.check();
  }

  close() {
    clearTimeout(this.timer);
    this.checking?.abort();
    this.backtest.cancel();
    this.root.replaceChildren();
  }

  later() {
    this.checking?.abort();          // an answer that is on its way is of the text before
    this.good = null;
    this.backtest.outdate();
    this.look();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), CHECK_MS);
  }

  async check() {
    this.checking?.abort();
    const mine = (this.checking = new AbortController());
    try {
      const found = await this.context.api.send("POST", "rules/check", { text: this.text.value }, { signal: mine.signal });
      if (mine.signal.aborted) return;
      this.good = found.ok ? found.rule : null;
      this.faults.replaceChildren(...(found.ok ? [ruleSummary(found.rule.name, found.rule), found.shadowed_by ? make("p", { class: "shadowed" }, badge("warning", "no place"), ` ${found.shadowed_by}`) : ""] : [make("ul", { class: "faults" }, (found.faults ?? []).map(fault))]));
    } catch (problem) {
      if (problem.name === "AbortError") return;
      this.faults.replaceChildren(make("p", { class: "negative", text: problem.message }));
    }
    this.look();
  }

  look() {
    this.save.disabled = !this.good;
    this.backtest.ready = Boolean(this.good);
    this.save.textContent = this.backtest.fresh || !this.good ? "Save" : "Save without a trial";
  }

  async write() {
    if (!this.good) return;
    try {
      await this.context.api.send("PUT", `rules/${encodeURIComponent(this.good.name)}`, { text: this.text.value, based_on: this.good.name === this.rule.name ? this.rule.revision : 0, comment: this.comment.value.trim() });
      this.context.toast(`${this.good.name} is saved. It holds from the next open bucket on.`);
      this.close();
      this.saved();
    } catch (problem) {
      if (problem.name !== "AbortError") this.refused(problem);
    }
  }

  /** The server's words: of somebody who was quicker they name who and when, and what was written here is not lost. */
  refused(problem) {
    this.faults.replaceChildren(make("div", { class: "failure", role: "alert" }, make("strong", { text: problem.title || "Not saved" }), make("span", { text: problem.message }),
      problem.is?.("rule-changed") ? make("span", { class: "soft", text: "Your text is still here. Close this, look at theirs in the list, and change that." }) : null));
    this.saved();
  }
}

function fault(one) {
  return make("li", {}, Number.isFinite(one.line) && one.line > 0 ? make("strong", { text: `Line ${one.line}: ` }) : null, one.text ?? String(one));
}
