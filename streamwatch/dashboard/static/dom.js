/* Makes elements. It is the only way in which the pages do, and it knows no way to turn a string into markup.
 *
 *     make("a", { class: "button", href: "/alerts", on: { click: open } }, "Alerts ", make("b", { text: String(n) }))
 *
 * Strings become text nodes. Attributes whose value is null, undefined or false are left out, true gives an empty one.
 * A link leads only to http, https, a blob of our own, or a path: whatever else a document may say in a URL is dropped.
 */
const SVG = "http://www.w3.org/2000/svg";
const NEVER = /^(style|srcdoc|on.*)$/i;
const LINKS = new Set(["href", "src", "action", "formaction", "xlink:href"]);
const SCHEMES = new Set(["http:", "https:", "blob:"]);

export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function draw(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) set(element, name, value);
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "text") element.textContent = value;
  else if (name === "on") for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
  else if (name === "styles") for (const [property, set] of Object.entries(value)) element.style.setProperty(property, set);
  else if (name === "value" && "value" in element) element.value = value;
  else if (NEVER.test(name)) throw new TypeError(`dom.js sets no ${name}`);
  else if (!LINKS.has(name) || isSafe(value)) element.setAttribute(name, value === true ? "" : value);
}

/** Whether a link may be followed: `javascript:` and `data:` may not. */
export function isSafe(href) {
  try {
    return SCHEMES.has(new URL(href, location.href).protocol);
  } catch {
    return false;
  }
}

/** Text with the given spans ([start, end] in code points, as Python counts) in <mark>. */
export function marked(text, spans = []) {
  const points = Array.from(text);
  const parts = [];
  let at = 0;
  for (const [start, end] of [...spans].sort((a, b) => a[0] - b[0])) {
    if (start < at || end > points.length) continue;
    parts.push(points.slice(at, start).join(""), make("mark", { text: points.slice(start, end).join("") }));
    at = end;
  }
  return [...parts, points.slice(at).join("")];
}

/** A picture of 24 × 24 units, drawn by its strokes. Hidden from screen readers: a word stands beside it. */
export function icon(path) {
  return draw("svg", { viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-width": "2", "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" }, draw("path", { d: path }));
}
