/* Names, states and feelings as small pieces of a page: a word each, a sign beside it, and only then a colour. */
import { draw, make } from "/static/dom.js";
import { parts, percent } from "/static/format.js";

const SHAPES = {
  critical: "M6 0 12 6 6 12 0 6Z", warning: "M6 .5 12 11.5H0Z", info: "M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1Z",
  firing: "M6 0 12 6 6 12 0 6Z", pending: "M6 1a5 5 0 1 0 0 10V1Z", resolved: "M1 6.5 4.5 10 11 2.5 9.7 1.4 4.3 7.7 2.2 5.4Z",
};
export const KINDS = {
  negative_share: "negative share", negative_volume: "number of negatives", stalled: "silent channel", drift: "drift",
};
export const STATES = {
  firing: "firing", pending: "pending", resolved: "resolved", emerging: "emerging", new: "new", tested: "", untested: "not tested",
};
export const STATE_MEANS = {
  firing: "Its test has crossed the threshold", pending: "Crossed, and waits for the rule's `for`", emerging: "New, and louder than its size lets expect",
  new: "Without a history of its own yet", tested: "Tested in every bucket", untested: "No rule is about it",
};
const SIGNS = { negative: "▼", neutral: "■", positive: "▲" };

function shape(name) {
  return SHAPES[name] ? draw("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, draw("path", { d: SHAPES[name], fill: "currentColor" })) : null;
}

export function badge(name, text = name, title = "") {
  return make("span", { class: `badge ${name}`, title }, shape(name), text);
}

/** A series' name: its kind softer than what it is. */
export function seriesName(name) {
  const [kind, rest] = parts(name);
  return make("span", { class: "series-name" }, kind && make("span", { class: "kind", text: `${kind} ` }), rest);
}

/** "▼ negative 91 %" */
export function sentiment(label, p = null) {
  const known = label in SIGNS ? label : "neutral";
  return make("span", { class: `sentiment ${known}` }, `${SIGNS[known]} ${label}`, p === null ? null : make("span", { class: "faint", text: percent(p) }));
}

export const trendLink = (name, query = {}) => `/trend?${new URLSearchParams({ series: name, ...query })}`;
export const isSilenced = (standing) => [standing?.silenced_by].flat().filter(Boolean).length > 0;
