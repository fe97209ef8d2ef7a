/* For those who label: all of it on one screen. The same text stands in docs/labelling.md. */
import { make } from "/static/dom.js";

const RULES = [
  ["Topic", "What the text is mainly about. Two fit? Take the one that its first half is about. None fits: say so, and do not take the nearest."],
  ["Sentiment", "As the text has it: not what you think of it, nor what came of it later. A question, a date, an announcement without a judgement is neutral. Irony counts as what is meant."],
  ["For whom", "Market, if it says what it means for a price (“shares fall”). Customer, if it says how somebody feels about a product or service (“lost my bag again”). Else: cannot tell."],
  ["Unsure", "After ten seconds, say so. It costs nothing; a guess teaches the guess."],
  ["Personal data", "Names of private people, addresses, numbers that were not masked: the document is then shown to nobody again, and nothing is learned from it."],
];

export function guideline() {
  return make("section", { class: "card", id: "guideline", "aria-label": "Guideline" },
    make("div", { class: "card-head" }, make("h2", { text: "Guideline" })),
    make("div", { class: "card-body" }, make("dl", { class: "guideline" }, RULES.map(([name, text]) => [make("dt", { text: name }), make("dd", { text })])),
      make("p", { class: "hint", text: "A document is yours for ten minutes. You are not shown what the model says, on purpose." })));
}
