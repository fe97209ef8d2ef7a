/* A row of buttons of which one is pressed. */
import { make } from "/static/dom.js";

export function segments(label, options, value, choose) {
  const box = make("div", { class: "segments", role: "group", "aria-label": label });
  for (const [key, text, title] of options) {
    box.append(make("button", { type: "button", text, title, "aria-pressed": String(key === value), on: { click: (event) => { press(box, event.currentTarget); choose(key); } } }));
  }
  return box;
}

function press(box, button) {
  for (const one of box.children) one.setAttribute("aria-pressed", String(one === button));
}
