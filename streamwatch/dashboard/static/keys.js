/* Single keys for those who live in this tool. They can be switched off in the help (WCAG 2.1.4): a key that is spoken or
 * hit by accident then does nothing. */
import { show } from "/static/dialog.js";
import { make } from "/static/dom.js";
import { PAGES } from "/static/pages.js";
import { switchTheme } from "/static/theme.js";
import { time } from "/static/time.js";

const STORED = "streamwatch.keys";
const PREFIX_MS = 1500;            // from "g" to the page's letter
const page = new Map();
const everywhere = new Map();
let prefixed = 0;

export const keysOn = () => { try { return localStorage.getItem(STORED) !== "off"; } catch { return true; } };

/** Binds keys until the signal is aborted. A binding is {text, run(event)}. */
export function keys(bindings, signal) {
  for (const [key, binding] of Object.entries(bindings)) {
    page.set(key, binding);
    signal?.addEventListener("abort", () => { if (page.get(key) === binding) page.delete(key); });
  }
}

export function startKeys(router) {
  everywhere.set("?", { text: "This help", run: help });
  everywhere.set("/", { text: "To the search of the page", run: () => document.querySelector("main [type=search]")?.focus() });
  everywhere.set("d", { text: "Dark or light", run: switchTheme });
  everywhere.set("z", { text: `UTC or ${time.own}`, run: () => time.choose(time.zone() === "UTC" ? "own" : "utc") });
  document.addEventListener("keydown", (event) => pressed(event, router));
}

function pressed(event, router) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !keysOn()) return;
  if (event.target.closest?.("input,textarea,select,dialog.box,[contenteditable]")) return;
  if (event.timeStamp - prefixed < PREFIX_MS && prefixed) {
    prefixed = 0;
    const entry = PAGES.find((one) => one.key === event.key);
    if (entry) { event.preventDefault(); router.navigate(entry.path); }
    return;
  }
  if (event.key === "g") { prefixed = event.timeStamp; return; }
  const binding = page.get(event.key) ?? everywhere.get(event.key);
  if (!binding) return;
  event.preventDefault();
  binding.run(event);
}

/** All keys that work here and now. */
export function help() {
  const rows = [];
  const add = (key, text) => rows.push(make("dt", {}, key.split(" ").map((one, i) => [i ? " " : "", make("kbd", { text: one })])), make("dd", { text }));
  for (const [key, { text }] of page) add(key, text);
  for (const entry of PAGES) if (entry.key) add(`g ${entry.key}`, `Go to ${entry.name}`);
  for (const [key, { text }] of everywhere) add(key, text);
  const toggle = make("input", { type: "checkbox", checked: keysOn(), on: { change: () => { try { localStorage.setItem(STORED, toggle.checked ? "on" : "off"); } catch { /* not kept */ } } } });
  return show("Keyboard", make("dl", { class: "shortcuts" }, rows), make("label", { class: "check" }, toggle, "Single keys do something"));
}
