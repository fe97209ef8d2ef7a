/* Short messages in the corner, and words for screen readers alone. */
import { make } from "/static/dom.js";

const SHOWN_MS = 6000;             // long enough to read two lines twice
const BAD_SHOWN_MS = 15000;

export function toast(text, { bad = false, action = null } = {}) {
  const box = make("div", { class: bad ? "toast bad" : "toast" }, make("span", { text }));
  const close = () => box.remove();
  if (action) box.append(make("button", { type: "button", text: action.text, on: { click: () => { close(); action.run(); } } }));
  box.append(make("button", { type: "button", text: "×", "aria-label": "Close this message", on: { click: close } }));
  document.getElementById("toasts").append(box);
  setTimeout(close, bad ? BAD_SHOWN_MS : SHOWN_MS);
}

let pending = null;

/** Said once it is quiet for a moment: a cursor that runs along a chart does not stutter. */
export function announce(text) {
  clearTimeout(pending);
  pending = setTimeout(() => { document.getElementById("announcer").textContent = text; }, 150);
}
