/* Rules: which series are tested, how many false alarms are allowed, who hears of it. Those of the file are read here and
 * changed there; those made here can be tried on the past before they are saved. */
import { make } from "/static/dom.js";
import { RuleEditor } from "/static/parts/rule-editor.js";
import { ruleSummary } from "/static/parts/rule-summary.js";
import { badge } from "/static/parts/words.js";
import { empty } from "/static/region.js";

const NEW = `name: my-rule
series: ["ticker:ACME"]          # patterns; * stands for any characters
false_alarms_per_week: 0.5       # over all series of this rule together
severity: auto
`;

export const page = {
  path: "/rules",
  title: "Rules",

  mount(root, context) {
    const admin = context.can("admin");
    const editing = make("div");
    const body = make("div");
    const open = (rule) => new RuleEditor(editing, context, rule, { saved: () => list.reload() });
    root.append(
      make("div", { class: "page-head" }, make("div", {}, make("h1", { text: "Rules" }), make("p", { class: "soft", text: "The first rule that matches a series owns it: the file's in their order, then those made here." })),
        admin ? make("button", { type: "button", class: "button main", on: { click: () => open({ name: "", revision: 0, text: NEW }) } }, "New rule") : make("p", { class: "hint", text: "Changing rules needs the role admin." })),
      editing, body);
    const list = context.region(body, {
      label: "The rules", rows: 5,
      load: (signal) => context.api.get("rules", {}, { signal }),
      draw: (found) => make("div", { class: "stack" }, madeHere(found.made_here ?? [], context, admin ? open : null, () => list.reload()), ofFile(found.file), inForce(found, context)),
    });
    context.live.on("decision", () => list.reload(), context);
    context.live.on("reset", () => list.reload(), context);
    context.time.onChange(() => list.reload(), context);
    if (admin) context.keys({ n: { text: "New rule", run: () => open({ name: "", revision: 0, text: NEW }) } });
  },
};

function card(title, hint, ...content) {
  return make("section", { class: "card", "aria-label": title }, make("div", { class: "card-head" }, make("h2", { text: title }), hint ? make("span", { class: "hint", text: hint }) : null), ...content);
}

function madeHere(rules, context, open, reload) {
  const body = rules.length
    ? make("ul", { class: "rule-list" }, rules.map((rule) => make("li", {}, made(rule, context), open ? make("div", { class: "actions" },
      make("button", { type: "button", class: "button small", "aria-label": `Change ${rule.name}`, on: { click: () => open(rule) } }, "Change"),
      make("button", { type: "button", class: "button small danger", "aria-label": `Remove ${rule.name}`, on: { click: () => remove(rule, context, reload) } }, "Remove")) : null)))
    : empty("No rule was made here yet", "A rule made here adds to those of the file, and can be tried on the past first.");
  return card("Made here", "", body);
}

function made(rule, { time }) {
  const when = time.parse(rule.made_at);
  return make("div", {}, ruleSummary(rule.name, rule.rule),
    rule.shadowed_by ? make("p", { class: "shadowed" }, badge("warning", "no place"), ` ${rule.shadowed_by}`) : null,
    make("p", { class: "faint", text: `Revision ${rule.revision}, by ${rule.made_by}, ${time.at(when)} ${time.zone()}${rule.comment ? `: ${rule.comment}` : ""}` }));
}

async function remove(rule, context, reload) {
  const answer = await context.ask({
    title: `Remove ${rule.name}?`, text: "Its series go to the next rule that matches, from the next open bucket on. What it has told stays.", confirm: "Remove", danger: true,
    fields: [{ name: "comment", label: "Why", maxlength: 2000 }],
  });
  if (!answer) return;
  try {
    const query = new URLSearchParams({ based_on: rule.revision, ...(answer.comment ? { comment: answer.comment } : {}) });
    await context.api.send("DELETE", `rules/${encodeURIComponent(rule.name)}?${query}`);
    context.toast(`${rule.name} is removed.`);
  } catch (problem) {
    if (problem.name !== "AbortError") context.toast(problem.message, { bad: true });
  }
  reload();
}

function ofFile(file) {
  if (!file) return card("Of the file", "", make("div", { class: "card-body" }, make("p", { class: "soft", text: "There is no rules file (STREAMWATCH_RULES): after the rules made here, one rule made of the settings owns the rest." })));
  return card("Of the file", "Read only: they are changed in the file", make("ul", { class: "rule-list" }, (file.rules ?? []).map((rule) => make("li", {}, ruleSummary(rule.name, rule)))),
    file.text ? make("details", { class: "card-body" }, make("summary", { text: "The file" }), make("pre", { class: "scroll-x", tabindex: "0", text: file.text })) : null);
}

function inForce(found, { time }) {
  const now = found.in_force;
  const at = time.parse(now?.effective_from);
  const since = at > 0 ? `since ${time.at(at)} ${time.zone()}, event time` : "from the beginning";
  const body = now
    ? [make("p", {}, make("span", { class: "mono", text: now.digest }), ` ${since}`), make("details", {}, make("summary", { text: "All of it, with every default said" }), make("pre", { class: "scroll-x", tabindex: "0", text: now.text }))]
    : [make("p", { class: "soft", text: "No worker has published rules yet." })];
  const history = (found.history ?? []).map((one) => make("li", {}, make("span", { class: "mono", text: one.digest }), ` ${time.parse(one.effective_from) > 0 ? time.at(time.parse(one.effective_from)) : "the beginning"}, by ${one.made_by}${one.comment ? `: ${one.comment}` : ""}`));
  return card("In force", "A change holds from the next open bucket on, so that a replay decides as it was decided then",
    make("div", { class: "card-body stack" }, body, history.length > 1 ? make("details", {}, make("summary", { text: `${history.length} changes` }), make("ul", { class: "history" }, history)) : null));
}
