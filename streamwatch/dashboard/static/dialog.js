/* Questions: the browser's own <dialog>, which keeps the focus inside and gives it back. */
import { make } from "/static/dom.js";

let serial = 0;

/**
 * Asks and waits: `ask({title, text, fields: [{name, label, type, value, options, required}], confirm, danger})` resolves to
 * {name: value, …}, or to null when it was closed. Types: text, textarea, select, checkbox, and what <input> knows.
 */
export function ask({ title, text = "", fields = [], confirm = "OK", danger = false, body = null }) {
  const id = `ask-${(serial += 1)}`;
  const form = make("form", { method: "dialog" },
    make("h2", { id, text: title }),
    text && make("p", { class: "soft", text }),
    body,
    fields.map((field) => row(field, id)),
    make("div", { class: "actions" },
      make("button", { type: "button", class: "button", text: "Cancel", on: { click: () => dialog.close() } }),
      make("button", { type: "submit", value: "yes", class: danger ? "button danger" : "button main", text: confirm })));
  const dialog = make("dialog", { class: "box", "aria-labelledby": id }, form);
  return open(dialog, () => values(form, fields));
}

function open(dialog, answer) {
  document.body.append(dialog);
  dialog.showModal();
  (dialog.querySelector("input,textarea,select") ?? dialog.querySelector("button[type=submit]"))?.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const said = dialog.returnValue === "yes" ? answer() : null;
      dialog.remove();
      resolve(said);
    });
  });
}

function row(field, id) {
  const { name, label, type = "text", options, hint, value, ...more } = field;
  const own = `${id}-${name}`;
  const control = options
    ? make("select", { id: own, name, ...more }, options.map((option) => make("option", { value: option.value, text: option.text, selected: option.value === value })))
    : make(type === "textarea" ? "textarea" : "input", { id: own, name, type: type === "textarea" ? null : type, value: type === "checkbox" ? null : value ?? "", checked: type === "checkbox" && value, ...more });
  if (type === "checkbox") return make("label", { class: "check" }, control, label);
  return make("div", { class: "field" }, make("label", { for: own, text: label }), control, hint && make("span", { class: "faint", text: hint }));
}

function values(form, fields) {
  const given = {};
  for (const { name, type } of fields) given[name] = type === "checkbox" ? form.elements[name].checked : form.elements[name].value.trim();
  return given;
}

/** Something to read, with one way out. */
export function show(title, ...content) {
  const id = `show-${(serial += 1)}`;
  const dialog = make("dialog", { class: "box", "aria-labelledby": id }, make("div", {},
    make("h2", { id, text: title }), ...content,
    make("div", { class: "actions" }, make("button", { type: "button", class: "button main", text: "Close", on: { click: () => dialog.close() } }))));
  return open(dialog, () => true);
}
