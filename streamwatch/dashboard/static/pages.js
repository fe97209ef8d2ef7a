/* Which address is which page. Modules are fetched when they are first needed; `css` names sheets of /static/css. */
export const PAGES = [
  { path: "/", name: "Overview", key: "o", css: ["overview"], load: () => import("/static/pages/overview.js") },
  { path: "/trend", name: "Trend", key: "t", css: ["trend", "documents"], load: () => import("/static/pages/trend.js") },
  { path: "/alerts", name: "Alerts", key: "a", css: ["alerts"], load: () => import("/static/pages/alerts.js") },
  { path: "/alerts/:id", css: ["alerts", "trend", "documents"], load: () => import("/static/pages/alert.js") },
  { path: "/rules", name: "Rules", key: "r", css: ["rules"], load: () => import("/static/pages/rules.js") },
  { path: "/label", name: "Label", key: "l", css: ["label"], load: () => import("/static/pages/label.js") },
  { path: "/models", name: "Models", key: "m", css: ["models"], load: () => import("/static/pages/models.js") },
  { path: "/health", name: "Health", key: "h", css: ["health"], load: () => import("/static/pages/health.js") },
];

/** The page of a path and its parameters: `match("/alerts/3f")` gives [its entry, {id: "3f"}], or null. */
export function match(path) {
  for (const entry of PAGES) {
    const names = [];
    const pattern = entry.path.replace(/:(\w+)/g, (_, name) => (names.push(name), "([^/]+)"));
    const found = new RegExp(`^${pattern}/?$`).exec(path);
    if (found) return [entry, Object.fromEntries(names.map((name, i) => [name, decodeURIComponent(found[i + 1])]))];
  }
  return null;
}
