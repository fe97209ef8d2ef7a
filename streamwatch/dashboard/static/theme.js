/* Light, dark, or as the system says; and the theme's colours for what is drawn on a canvas. */
const KEY = "streamwatch.theme";
const handlers = new Set();
const dark = matchMedia("(prefers-color-scheme: dark)");

/** "light" or "dark": what is shown now. */
export function theme() {
  return document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
}

export function switchTheme() {
  const next = theme() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try { localStorage.setItem(KEY, next); } catch { /* not kept, but used */ }
  tell();
  return next;
}

export function onTheme(handler, { signal } = {}) {
  handlers.add(handler);
  signal?.addEventListener("abort", () => handlers.delete(handler));
}

function tell() {
  for (const handler of handlers) handler(theme());
}
dark.addEventListener("change", tell);

/** Colours of tokens as the browser resolves them: `colours("negative", "grid")` gives {negative: "rgb(…)", …}. */
export function colours(...names) {
  const probe = document.createElement("i");
  document.body.append(probe);
  const found = {};
  for (const name of names) {
    probe.style.setProperty("color", `var(--${name})`);
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}
