/* The silences that hold now or will later, and the button that ends one. */
import { make } from "/static/dom.js";

export function silenceList(root, context) {
  const list = make("div");
  root.append(make("div", { class: "card-head" }, make("h2", { text: "Silences" })), list);
  const part = context.region(list, { label: "Silences", rows: 2, load: (signal) => context.api.get("silences", {}, { signal }), draw: ({ items }) => draw(items, context, () => part.reload()) });
  return part;
}

function draw(items, context, reload) {
  if (!items.length) return make("p", { class: "card-body hint", text: "None holds. An alert's page makes one." });
  return make("ul", { class: "precisions" }, items.map((one) => row(one, context, reload)));
}

function row(one, context, reload) {
  const { time } = context;
  const end = async () => {
    try {
      await context.api.send("DELETE", `silences/${encodeURIComponent(one.id)}`);
      context.toast("The silence is ended.");
      reload();
    } catch (problem) {
      if (problem.name !== "AbortError") context.toast(problem.message, { bad: true });
    }
  };
  return make("li", {}, make("div", { class: "precision-head" }, make("b", { text: matchWords(one.matchers) }),
    context.can("analyst") ? make("button", { type: "button", class: "button small", text: "End", "aria-label": `End the silence of ${matchWords(one.matchers)}`, on: { click: end } }) : null),
  one.comment ? make("span", { text: one.comment }) : null,
  make("span", { class: "faint", text: `until ${time.full(time.parse(one.ends_at))}, by ${one.made_by}` }));
}

/** "ticker:UAL, rule negative-spike": all parts must match. */
export function matchWords(matchers = {}) {
  const words = [...(matchers.series ?? []), ...(matchers.rules ?? []).map((name) => `rule ${name}`), ...(matchers.kinds ?? []), ...(matchers.severities ?? []), ...Object.entries(matchers.labels ?? {}).map(([name, value]) => `${name} = ${value}`)];
  return words.join(", ") || "every alert";
}
