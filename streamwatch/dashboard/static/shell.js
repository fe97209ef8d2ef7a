/* The bar above every page: where one is, whether it is live and as of when, watchlist, zone, theme, help, person. */
import { api } from "/static/api.js";
import { draw, icon, make } from "/static/dom.js";
import { help } from "/static/keys.js";
import { live } from "/static/live.js";
import { PAGES } from "/static/pages.js";
import { askName, logOut, onSession, sawMinutes, session } from "/static/session.js";
import { onTheme, switchTheme, theme } from "/static/theme.js";
import { time } from "/static/time.js";
import { watchlist } from "/static/watchlist.js";

const SUN = "M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6l1.4 1.4M17 17l1.4 1.4M5.6 18.4 7 17M17 7l1.4-1.4M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8Z";
const MOON = "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5Z";
const QUESTION = "M9.2 9a3 3 0 1 1 4.2 2.8c-.9.4-1.4 1-1.4 2.2M12 17.5v.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z";
const NAV_MARGIN_PX = 24;          // so that the next name is seen to go on
const COUNTS_MS = 30000;           // open alerts in the bar, besides what the stream says

export function drawShell(bar, router) {
  bar.append(brand(), navigation(), make("div", { class: "bar-right" }, liveState(), watchChoice(router), zoneChoice(), themeButton(), helpButton(), person()));
  countAlerts();
}

function brand() {
  const mark = draw("svg", { viewBox: "0 0 32 32", "aria-hidden": "true" },
    draw("rect", { width: 32, height: 32, rx: 7, fill: "var(--accent)" }),
    draw("path", { d: "M5 20h5l3-9 5 14 4-10 2 5h3", fill: "none", stroke: "var(--accent-ink)", "stroke-width": 2.6, "stroke-linecap": "round", "stroke-linejoin": "round" }));
  return make("a", { class: "brand", href: "/", "aria-label": "streamwatch: overview" }, mark, make("span", { text: "streamwatch" }));
}

function navigation() {
  const links = PAGES.filter((entry) => entry.name).map((entry) => make("li", {}, make("a", { href: entry.path, text: entry.name })));
  return make("nav", { class: "nav", "aria-label": "Pages" }, make("ul", {}, links));
}

export function markPage(path) {
  for (const link of document.querySelectorAll(".nav a")) {
    if (link.getAttribute("href") === path) { link.setAttribute("aria-current", "page"); bringIntoView(link); }
    else link.removeAttribute("aria-current");
  }
}

/** In a narrow window the names of the pages scroll: the one where one is must be seen. */
function bringIntoView(link) {
  const nav = link.closest(".nav");
  nav.scrollLeft += link.getBoundingClientRect().right - nav.getBoundingClientRect().right + NAV_MARGIN_PX;
}

/** How many alerts fire now, beside the word Alerts. */
function countAlerts() {
  const link = document.querySelector('.nav a[href="/alerts"]');
  const update = async () => {
    try {
      const { items, next } = await api.get("alerts", { state: "firing", limit: 100 });
      const n = items.filter((item) => !silenced(item)).length;
      link.querySelector(".count")?.remove();
      if (n) link.append(make("span", { class: "count", "aria-label": `${n} firing`, text: next ? "99+" : n }));
    } catch { /* the pages say what is wrong */ }
  };
  update();
  let soon = 0;
  live.on("alert", () => { clearTimeout(soon); soon = setTimeout(update, 300); });
  live.on("reset", update);
  setInterval(update, COUNTS_MS);
}

const silenced = ({ standing }) => Array.isArray(standing?.silenced_by) ? standing.silenced_by.length > 0 : Boolean(standing?.silenced_by);

function liveState() {
  const text = make("span");
  const box = make("span", { class: "live", role: "status", "data-state": live.state }, text);
  let watermark = session.watermark_ms;
  const draw = () => {
    box.dataset.state = live.state;
    const moment = () => [make("span", { class: "wide", text: `As of ${time.date(watermark)}, ` }), `${time.clock(watermark)} ${time.zone()}`];
    text.replaceChildren(...{ connecting: ["Connecting…"], lost: ["Reconnecting…"], live: watermark ? moment() : ["Waiting for documents"] }[live.state]);
    box.title = live.state === "live" ? "Counted up to this moment of the stream's own time" : "What is shown may be old";
  };
  const move = (events) => { watermark = events.at(-1).watermark_ms ?? watermark; session.watermark_ms = watermark; draw(); };
  live.on("trend", (events) => events.forEach((event) => sawMinutes(event.series)));
  live.on("state", draw);
  live.on("hello", move);
  live.on("trend", move);
  time.onChange(draw);
  draw();
  return box;
}

function watchChoice(router) {
  const select = make("select", { class: "watch-choice", "aria-label": "Watchlist" });
  const fill = () => {
    select.replaceChildren(make("option", { value: "", text: "All series" }),
      ...watchlist.lists.map((list) => make("option", { value: `=${list.name}`, text: list.name, selected: list.name === watchlist.chosen })));
    select.hidden = !watchlist.lists.length;
  };
  select.addEventListener("change", () => watchlist.choose(select.value.slice(1)));
  watchlist.onChange(fill);
  fill();
  return select;
}

function zoneChoice() {
  const select = make("select", { "aria-label": "Time zone of what is shown" });
  const fill = () => select.replaceChildren(make("option", { value: "utc", text: "UTC", selected: time.zone() === "UTC" }),
    ...(time.own === "UTC" ? [] : [make("option", { value: "own", text: time.own, selected: time.zone() !== "UTC" })]));
  select.addEventListener("change", () => time.choose(select.value));
  time.onChange(fill);
  fill();
  return select;
}

function themeButton() {
  const button = make("button", { type: "button", class: "icon-button" });
  const fill = () => {
    const dark = theme() === "dark";
    button.replaceChildren(icon(dark ? SUN : MOON));
    button.setAttribute("aria-label", dark ? "Use the light theme" : "Use the dark theme");
    button.title = button.getAttribute("aria-label");
  };
  button.addEventListener("click", switchTheme);
  onTheme(fill);
  fill();
  return button;
}

function helpButton() {
  return make("button", { type: "button", class: "icon-button", "aria-label": "Keyboard shortcuts", title: "Keyboard shortcuts (?)", on: { click: help } }, icon(QUESTION));
}

function person() {
  const button = make("button", { type: "button", class: "button quiet small person" });
  const fill = () => {
    button.textContent = session.asks_name || !session.name ? "Your name?" : session.name;
    button.dataset.way = session.way;
    button.title = `${session.role}${session.verified ? "" : ", name not verified"}`;
  };
  button.addEventListener("click", () => (session.way === "loopback" ? askName().catch(() => {}) : logOut()));
  onSession(fill);
  fill();
  return button;
}
