/* Watchlists: named sets of series, kept by the server for each person. The chosen one filters every page. */
import { api } from "/static/api.js";

const KEY = "streamwatch.watchlist";
const handlers = new Set();
let lists = [];
let chosen = "";

async function open() {
  try {
    lists = (await api.get("watchlists")).items ?? [];
  } catch {
    lists = [];                    // the pages work without; the choice comes back when the server does
  }
  try { chosen = localStorage.getItem(KEY) ?? ""; } catch { chosen = ""; }
  if (!lists.some((list) => list.name === chosen)) chosen = "";
  tell();
}

function choose(name) {
  chosen = name;
  try { localStorage.setItem(KEY, name); } catch { /* not kept, but used */ }
  tell();
}

function tell() {
  for (const handler of handlers) handler();
}

function onChange(handler, { signal } = {}) {
  handlers.add(handler);
  signal?.addEventListener("abort", () => handlers.delete(handler));
}

/** The series to keep to, or null for all. */
function names() {
  const list = lists.find((one) => one.name === chosen);
  return list ? new Set(list.series) : null;
}

async function save(name, series) {
  await api.send("PUT", `watchlists/${encodeURIComponent(name)}`, { series });
  await open();
  choose(name);
}

async function remove(name) {
  await api.send("DELETE", `watchlists/${encodeURIComponent(name)}`);
  await open();
}

export const watchlist = { open, choose, onChange, names, save, remove, get chosen() { return chosen; }, get lists() { return lists; } };
