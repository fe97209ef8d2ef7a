/* Which of some twenty topics: typed for, pointed at, or walked through. The first that fits what was typed is taken by Enter. */
import { make } from "/static/dom.js";
import { announce } from "/static/toast.js";

export class TopicChoice {
  constructor({ changed, done }) {
    this.value = null;
    this.changed = changed;
    this.done = done;              // where the focus goes when the typing is over
    this.search = make("input", { type: "search", placeholder: "Type to find a topic", "aria-label": "Find a topic", autocomplete: "off", on: { input: () => this.narrow(), keydown: (event) => this.typed(event) } });
    this.list = make("div", { class: "topics", role: "group", "aria-label": "Topics" });
    this.root = make("div", { class: "topic-choice" }, this.search, this.list);
    this.buttons = new Map();
  }

  /** The topics that may be named. Drawn again only when they are others. */
  offer(topics) {
    if (topics.join("\n") === [...this.buttons.keys()].join("\n")) return;
    this.buttons = new Map(topics.map((topic) => [topic, make("button", { type: "button", class: "choice-button", "aria-pressed": "false", on: { click: () => this.press(topic) } }, topic)]));
    this.list.replaceChildren(...this.buttons.values());
    this.set(null);
  }

  press(topic) {
    this.set(this.value === topic ? null : topic);
    this.changed();
  }

  set(topic) {
    this.value = topic;
    for (const [one, button] of this.buttons) button.setAttribute("aria-pressed", String(one === topic));
    this.search.value = "";
    this.narrow();
  }

  narrow() {
    const typed = this.search.value.trim().toLowerCase();
    for (const [topic, button] of this.buttons) button.hidden = typed !== "" && !fits(topic, typed);
  }

  get found() {
    return [...this.buttons].filter(([, button]) => !button.hidden).map(([topic]) => topic);
  }

  typed(event) {
    if (event.key === "Escape") { event.preventDefault(); this.search.value = ""; this.narrow(); this.done(); }
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
