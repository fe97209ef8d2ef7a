/* Which of some twenty topics: typed for, pointed at, or walked through. The first that fits what was typed is taken by Enter. */
import { make } from "/static/dom.js";
import { Choice } from "/static/parts/choice.js";
import { announce } from "/static/toast.js";

export class TopicChoice {
  constructor({ changed, done }) {
    this.changed = changed;
    this.done = done;              // where the focus goes when the typing is over
    this.search = make("input", { type: "search", placeholder: "Type to find a topic", "aria-label": "Find a topic", autocomplete: "off", on: { input: () => this.narrow(), keydown: (event) => this.typed(event) } });
    this.list = make("div", { class: "topics" });
    this.root = make("div", { class: "topic-choice" }, this.search, this.list);
    this.choice = new Choice("Topics", []);
  }

  get value() {
    return this.choice.value;
  }

  /** The topics that may be named. Drawn again only when they are others. */
  offer(topics) {
    if (topics.join("\n") === [...this.choice.buttons.keys()].join("\n")) return;
    this.choice = new Choice("Topics", topics.map((topic) => [topic, topic]), { changed: () => { this.clear(); this.changed(); } });
    this.list.replaceChildren(this.choice.root);
    this.clear();
  }

  set(topic) {
    this.choice.set(topic);
    this.clear();
  }

  clear() {
    this.search.value = "";
    this.narrow();
  }

  narrow() {
    const typed = this.search.value.trim().toLowerCase();
    for (const [topic, button] of this.choice.buttons) button.hidden = typed !== "" && !fits(topic, typed);
  }

  get found() {
    return [...this.choice.buttons].filter(([, button]) => !button.hidden).map(([topic]) => topic);
  }

  typed(event) {
    if (event.key === "Escape") { event.preventDefault(); this.clear(); this.done(); }
    if (event.key !== "Enter") return;
    event.preventDefault();
    const [first] = this.search.value.trim() ? this.found : [];
    if (!first) { announce("No topic is like that"); return; }
    this.set(first);
    announce(first);
    this.changed();
    this.done();
  }
}

/** Whether some word of the topic begins with what was typed: "mer" finds "mergers and investments". */
function fits(topic, typed) {
  const name = topic.toLowerCase();
  return name.startsWith(typed) || name.split(/[^\p{L}\p{N}]+/u).some((word) => word.startsWith(typed)) || name.includes(` ${typed}`);
}
