/* Models: which one serves, which could, what the gate says of each, and how to change it: always with a reason. */
import { make } from "/static/dom.js";
import { show } from "/static/dialog.js";
import { count, percent } from "/static/format.js";
import { checks } from "/static/parts/gate-report.js";
import { badge } from "/static/parts/words.js";
import { empty } from "/static/region.js";

const FORCE = "Promote although the gate did not pass it. This is recorded with the reason.";

export const page = {
  path: "/models",
  title: "Models",

  mount(root, context) {
    const back = make("button", { type: "button", class: "button", hidden: true, on: { click: () => rollBack(context, list) } }, "Roll back");
    const body = make("div");
    root.append(
      make("div", { class: "page-head" }, make("div", {}, make("h1", { text: "Models" }), make("p", { class: "soft", text: "Workers take a promoted model between two batches. Baselines move by what the gate measured, so that a promotion raises no alert and hides none." })), back),
      make("section", { class: "card", "aria-label": "Models" }, body));
    const list = context.region(body, {
      label: "The models", rows: 3,
      load: (signal) => load(context, signal),
      draw: (answer) => {
        back.hidden = !answer.history?.length || !context.can("admin");     // nothing was promoted: there is nothing to go back to
        return answer.missing ? noRegistry() : [table(answer.items, context, list), history(answer.history ?? [], context)];
      },
    });
    context.live.on("decision", () => list.reload(), context);
    context.live.on("reset", () => list.reload(), context);
    context.time.onChange(() => list.reload(), context);
  },
};

async function load({ api }, signal) {
  try {
    return await api.get("models", {}, { signal });
  } catch (problem) {
    if (problem.status === 404 && problem.is?.("no-registry")) return { missing: problem, items: [] };
    throw problem;
  }
}

function noRegistry() {
  return empty("No registry is configured", `The model that comes with streamwatch serves. Set STREAMWATCH_REGISTRY to a folder that all workers read, to keep, compare and promote models of your own.`);
}

function table(items, context, list) {
  if (!items.length) return empty("The registry is empty", "streamwatch models add FOLDER copies a model into it.");
  return make("div", { class: "scroll-x" }, make("table", { class: "models-table" },
    make("caption", { class: "unseen", text: "Models of the registry" }),
    make("thead", {}, make("tr", {}, ["Model", "State", "Gate", "Held-out quality", "Made", ""].map((text) => make("th", { scope: "col" }, text || make("span", { class: "unseen", text: "Actions" }))))),
    make("tbody", {}, items.map((item) => row(item, context, list)))));
}

function row(item, context, list) {
  const { time } = context;
  const made = time.parse(item.made_at);
  return make("tr", { class: item.serving ? "row serving" : "row" },
    make("th", { scope: "row" }, make("span", { class: "mono strong", text: item.model }), make("div", { class: "faint", text: [item.version, item.parent ? `from ${item.parent}` : ""].filter(Boolean).join(" · ") })),
    make("td", {}, item.serving ? badge("good", "serves") : badge("plain", "candidate")),
    make("td", {}, item.problem ? [badge("critical", "damaged"), make("div", { class: "faint why", text: item.problem })] : gateSays(item)),
    make("td", {}, metrics(item.metrics)),
    make("td", { class: "faint", text: Number.isFinite(made) ? `${time.at(made)} ${time.zone()}` : item.model === "shipped" ? "" : "unknown" }),
    make("td", {}, make("div", { class: "actions" }, buttons(item, context, list))));
}

function buttons(item, context, list) {
  const some = [];
  if (item.gate?.ran) {
    some.push(make("button", { type: "button", class: "button small", "aria-label": `Gate report of ${item.model}`, on: { click: () => report(item, context) } }, "Gate report"));
    some.push(make("a", { class: "button small", href: context.api.address(`models/${encodeURIComponent(item.model)}/gate.html`), download: "", text: "With plots", "aria-label": `Gate report of ${item.model} with plots, as a file` }));
  }
  if (!item.serving && context.can("admin")) some.push(make("button", { type: "button", class: "button small main", "aria-label": `Promote ${item.model}`, on: { click: () => promote(item, context, list) } }, "Promote"));
  return some;
}

function gateSays({ gate, serving, model }) {
  if (serving || model === "shipped") return make("span", { class: "soft", text: serving ? "it is what others are measured against" : "comes with streamwatch" });
  if (!gate?.ran) return make("span", { class: "soft", text: gate?.why || "not run" });
  return [badge(gate.passed ? "good" : "warning", gate.passed ? "passed" : "refused"), gate.why ? make("div", { class: "faint why", text: gate.why.replace(/^the gate refuses it: /, "") }) : null];
}

/** How it came that this one serves: the newest first. */
function history(changes, { time }) {
  if (!changes.length) return null;
  const line = (one) => make("li", {}, make("span", { class: "faint", text: `${time.at(time.parse(one.promoted_at))} ${time.zone()}` }), make("span", {}, make("strong", { class: "mono", text: one.model }), ` ${one.action.replaceAll("_", " ")}${one.by ? ` by ${one.by}` : ""}`, one.reason ? `: ${one.reason}` : "", one.forced ? make("div", { class: "faint", text: `past the gate: ${one.forced}` }) : null));
  return make("details", { class: "card-body" }, make("summary", { text: `History, ${changes.length}` }), make("ul", { class: "model-history" }, changes.map(line)));
}

const SHOWN = 3;

/** Accuracy on the largest held-out sets; the report has them all. */
function metrics(found) {
  const rows = Object.entries(found ?? {}).filter(([, one]) => Number.isFinite(one?.accuracy)).sort(([, a], [, b]) => (b.n ?? 0) - (a.n ?? 0)).slice(0, SHOWN);
  if (!rows.length) return make("span", { class: "soft", text: "unknown" });
  return make("ul", { class: "metrics" }, rows.map(([name, one]) => make("li", {}, make("span", { class: "soft", text: name.replaceAll("_", " ").replace("/", ": ") }), make("span", { class: "num", text: percent(one.accuracy) }), make("span", { class: "faint num", text: one.n ? `n ${count(one.n)}` : "" }))));
}

async function report(item, context) {
  try {
    const found = await context.api.get(`models/${encodeURIComponent(item.model)}/gate`);
    await show(`Gate report of ${item.model}`, ...checks(found));
  } catch (problem) {
    if (problem.name !== "AbortError") context.toast(problem.message, { bad: true });
  }
}

async function promote(item, context, list) {
  const passed = item.model === "shipped" || (item.gate?.ran && item.gate.passed);
  const fields = [{ name: "reason", label: "Why", type: "textarea", required: true, maxlength: 2000, hint: "It is recorded with your name." }];
  if (!passed) fields.push({ name: "force", label: FORCE, type: "checkbox" });
  const answer = await context.ask({
    title: `Promote ${item.model}?`, fields, confirm: "Promote", danger: !passed,
    text: passed ? "All workers that read this registry take it within seconds. Roll back brings the one before it back." : `${sentence(item.gate?.why || "the gate was not run")}. Nothing is promoted without the tick below.`,
  });
  if (answer) await change(context, list, `models/${encodeURIComponent(item.model)}/promote`, { reason: answer.reason, force: Boolean(answer.force) }, `${item.model} serves now.`);
}

const sentence = (text) => text[0].toUpperCase() + text.slice(1);

async function rollBack(context, list) {
  const answer = await context.ask({
    title: "Roll back?", text: "The model that served before this one serves again, within seconds.", confirm: "Roll back", danger: true,
    fields: [{ name: "reason", label: "Why", type: "textarea", required: true, maxlength: 2000, hint: "It is recorded with your name." }],
  });
  if (answer) await change(context, list, "models/roll-back", { reason: answer.reason }, "The model before it serves again.");
}

async function change(context, list, path, body, done) {
  try {
    await context.api.send("POST", path, body);
    context.toast(done);
  } catch (problem) {
    if (problem.name !== "AbortError") context.toast(problem.message, { bad: true });
  }
  list.reload();
}
