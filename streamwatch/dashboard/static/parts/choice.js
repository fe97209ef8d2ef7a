/* A question with one answer: a row of buttons, each with the key that presses it. Pressing the pressed one takes it back. */
import { make } from "/static/dom.js";

export class Choice {
  /** `options` are [value, text, key, title]. */
  constructor(label, options, { changed = () => {} } = {}) {
    this.value = null;
    this.changed = changed;
    this.buttons = new Map(options.map(([value, text, key, title]) => [value, make("button", { type: "button", class: "choice-button", title, "aria-pressed": "false", "aria-keyshortcuts": key, on: { click: () => this.press(value) } },
      key ? make("kbd", { text: key, "aria-hidden": "true" }) : null, make("span", { text }))]));
    this.root = make("div", { class: "choice", role: "group", "aria-label": label }, [...this.buttons.values()]);
  }

  press(value) {
    this.set(this.value === value ? null : value);
    this.changed();
  }

  set(value) {
    this.value = value;
    for (const [one, button] of this.buttons) button.setAttribute("aria-pressed", String(one === value));
  }
}
