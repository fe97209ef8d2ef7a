/* What slides in from the right: not modal, so that one can go on pointing at the chart beside it. Escape closes it. */
import { make } from "/static/dom.js";

let open = null;

/** `title` is text or an element. */
export function drawer(title, subtitle, context) {
  close();
  const back = document.activeElement;
  const heading = make("h2", { id: "drawer-title", tabindex: "-1" }, title);
  const body = make("div", { class: "drawer-body" });
  const box = make("dialog", { class: "drawer", "aria-labelledby": "drawer-title" },
    make("div", { class: "drawer-head" }, make("div", {}, heading, make("p", { class: "soft", text: subtitle })),
      make("button", { type: "button", class: "button small", text: "Close", on: { click: close } })), body);
  box.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.preventDefault(); close(); } });
  document.getElementById("main").append(box);
  box.show();
  heading.focus();
  open = { box, back };
  context.signal.addEventListener("abort", close);
  return body;
}

export function close() {
  if (!open) return;
  const { box, back } = open;
  open = null;
  box.remove();
  back?.focus?.();
}

document.addEventListener("keydown", (event) => { if (event.key === "Escape" && open && !event.target.closest("dialog.box")) close(); });
