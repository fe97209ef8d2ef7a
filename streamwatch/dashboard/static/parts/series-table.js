/* The table of series. Rows are kept from one answer to the next and only what changed is drawn again; while somebody
 * points into the table or has the focus there, rows stay in their places, so that nothing jumps away under a click. */
import { make } from "/static/dom.js";
import { count, percent, plural, sigmas } from "/static/format.js";
import { shareFigure, sparkline } from "/static/parts/figures.js";
import { STATE_MEANS, STATES, badge, seriesName, trendLink } from "/static/parts/words.js";

const COLUMNS = [
  ["name", "Series"], ["share", "Negative share", "Now, over the band where it usually lies"], ["surprise", "Surprise", "Standard deviations above what is expected"],
  ["n", "Documents", "All, and the negative ones of them"], ["", "Course", "Documents, and in front the negative ones"],
];

const NOTABLE = 2;                 // standard deviations from which on a row stands out: chance alone does that to one in forty

export class SeriesTable {
  constructor(context, { sort, selected }) {
    this.context = context;
    this.selected = selected;
    this.rows = new Map();
    this.body = make("tbody");
    this.head = make("tr");
    this.sort = sort;
    this.table = make("div", { class: "scroll-x" }, make("table", { class: "series-table" }, make("caption", { class: "unseen", text: "Series, the most surprising first" }), make("thead", {}, this.head), this.body));
    this.chosen = new Set();
  }

  show(items, { sort }) {
    this.drawHead(sort);
    const shown = new Set(items.map((item) => item.name));
    for (const [name, row] of this.rows) if (!shown.has(name)) { row.tr.remove(); this.rows.delete(name); }
    const fresh = items.filter((item) => !this.rows.has(item.name));
    for (const item of items) this.update(item);
    const held = this.body.matches(":hover") || this.body.contains(document.activeElement);
    if (this.sorted !== sort || !held) this.order(items);
    else this.body.append(...fresh.map((item) => this.rows.get(item.name).tr));
    this.sorted = sort;
    return this.table;
  }

  drawHead(by) {
    if (this.by === by) return;
    this.by = by;
    this.head.replaceChildren(make("th", { class: "choose" }, make("span", { class: "unseen", text: "Chosen" })), ...COLUMNS.map(([key, text, title]) => make("th",
      { class: key === "surprise" || key === "n" ? "num" : null, title, scope: "col", "aria-sort": key && key === by ? (key === "name" ? "ascending" : "descending") : null },
      key ? make("button", { type: "button", on: { click: () => this.sort(key) } }, text, key === by ? make("span", { "aria-hidden": "true", text: key === "name" ? "↑" : "↓" }) : null) : text)));
  }

  update(item) {
    const known = this.rows.get(item.name);
    const seen = JSON.stringify(item);
    if (known?.seen === seen) return;
    const row = known ?? this.add(item.name);
    row.seen = seen;
    row.state.replaceChildren(...state(item));
    row.share.replaceChildren(...share(item));
    row.surprise.replaceChildren(surprise(item));
    row.n.replaceChildren(make("span", { text: count(item.n) }), make("div", { class: "faint", text: `${count(item.negative)} negative` }));
    row.spark.replaceChildren(sparkline(item.spark, `${plural(item.n, "document")}, ${count(item.negative)} of them negative`));
  }

  add(name) {
    const box = make("input", { type: "checkbox", "aria-label": `Choose ${name}`, on: { change: () => this.choose(name, box.checked) } });
    const row = { box, link: make("a", { class: "row-link", href: trendLink(name) }, seriesName(name)), state: make("span", { class: "row-state" }), share: make("td", { class: "share-cell" }), surprise: make("td", { class: "num" }), n: make("td", { class: "num" }), spark: make("td", { class: "spark-cell" }) };
    row.tr = make("tr", { class: "row" }, make("td", { class: "choose" }, make("label", { class: "check" }, box)), make("th", { scope: "row" }, row.link, row.state), row.share, row.surprise, row.n, row.spark);
    this.rows.set(name, row);
    return row;
  }

  order(items) {
    const focused = document.activeElement;
    items.forEach((item, i) => {
      const { tr } = this.rows.get(item.name);
      if (this.body.children[i] !== tr) this.body.insertBefore(tr, this.body.children[i] ?? null);
    });
    if (this.body.contains(focused)) focused.focus({ preventScroll: true });
  }

  choose(name, on) {
    this.chosen[on ? "add" : "delete"](name);
    this.rows.get(name).tr.classList.toggle("chosen", on);
    this.selected([...this.chosen]);
  }

  clear() {
    for (const name of [...this.chosen]) {
      this.chosen.delete(name);
      const row = this.rows.get(name);
      if (row) { row.box.checked = false; row.tr.classList.remove("chosen"); }
    }
    this.selected([]);
  }

  /** To the next row, or the one before. */
  move(by) {
    const links = [...this.body.querySelectorAll(".row-link")];
    const at = links.indexOf(document.activeElement?.closest("tr")?.querySelector(".row-link"));
    links[Math.max(0, Math.min(links.length - 1, at < 0 ? 0 : at + by))]?.focus();
  }

  /** Chooses the row that has the focus. */
  toggle() {
    document.activeElement?.closest?.("tr.row")?.querySelector("input")?.click();
  }
}

/** An alert stays open for a while after its test has calmed, or when its series is tested no more. */
function state(item) {
  const id = item.alerts?.[0];
  const name = id && !["firing", "pending"].includes(item.state) ? "firing" : item.state;
  const word = name === item.state ? STATES[name] ?? name : "alert open";
  const shown = word ? badge(name, word, name === item.state ? STATE_MEANS[name] ?? "" : "An alert about it is open") : null;
  return [shown && id ? make("a", { href: `/alerts/${encodeURIComponent(id)}`, class: "bare" }, shown) : shown].filter(Boolean);
}

function share(item) {
  const known = Number.isFinite(item.p0_low) && Number.isFinite(item.p0_high);
  const notable = item.surprise >= NOTABLE;
  return [make("span", { class: notable ? "strong negative" : "strong", text: percent(item.share) }),
    shareFigure(item.share, item.p0_low, item.p0_high, item.p0, notable),
    make("span", { class: "faint usual", text: known ? `usually ${percent(item.p0_low)} – ${percent(item.p0_high)}` : "no history yet" })];
}

function surprise(item) {
  return make("span", { class: item.surprise >= NOTABLE ? "strong negative" : "", text: sigmas(item.surprise) });
}
