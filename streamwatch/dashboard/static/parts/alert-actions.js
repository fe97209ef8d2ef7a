/* What people do about an alert: see to it, silence its like, say whether it told of something real. */
import { make } from "/static/dom.js";

const COMMENT = { name: "comment", label: "Comment", type: "textarea", maxlength: 2000, hint: "Others see it beside the alert." };
const DURATIONS = [["1h", "1 hour"], ["4h", "4 hours"], ["24h", "1 day"], ["168h", "7 days"]];

/** Buttons for this alert as it stands. `done()` is called after each decision. */
export function alertActions({ alert, standing }, context, done) {
  if (!context.can("analyst")) return [make("span", { class: "hint", text: "Only analysts decide about alerts." })];
  const seen = standing?.acknowledgement;
  const verdict = standing?.verdict;
  const act = (text, run, more = {}) => make("button", { type: "button", class: "button", text, ...more, on: { click: () => attempt(run, context, done) } });
  const path = `alerts/${encodeURIComponent(alert.id)}`;
  return [
    make("div", { class: "segments verdicts", role: "group", "aria-label": "Was it real?" },
      make("button", { type: "button", "aria-pressed": String(verdict?.true === true), text: "✓ Real", on: { click: () => attempt(() => judge(context, path, verdict, true), context, done) } }),
      make("button", { type: "button", "aria-pressed": String(verdict?.true === false), text: "✕ False alarm", on: { click: () => attempt(() => judge(context, path, verdict, false), context, done) } })),
    seen ? act("Take back “seen”", () => context.api.send("PUT", `${path}/acknowledgement`, { retracted: true, comment: "" })) : act("Acknowledge", () => acknowledge(context, path), { class: "button main" }),
    act("Silence…", () => silence(context, alert)),
  ];
}

async function attempt(run, context, done) {
  try {
    const said = await run();
    if (typeof said === "string") context.toast(said);
    if (said !== false) done();
  } catch (problem) {
    if (problem.name !== "AbortError") context.toast(problem.message, { bad: true });
  }
}

async function acknowledge({ api, ask }, path) {
  const answer = await ask({ title: "Acknowledge", text: "Says to others that you look after it.", fields: [COMMENT], confirm: "Acknowledge" });
  if (!answer) return false;
  await api.send("PUT", `${path}/acknowledgement`, { comment: answer.comment, retracted: false });
  return "Acknowledged.";
}

/** The same verdict again takes it back. */
async function judge({ api, ask }, path, verdict, real) {
  if (verdict?.true === real) {
    await api.send("PUT", `${path}/verdict`, { true: null, comment: "" });
    return "The verdict is taken back.";
  }
  const answer = await ask({ title: real ? "It was real" : "It was a false alarm", text: "Verdicts give each rule its precision.", fields: [COMMENT], confirm: real ? "Real" : "False alarm" });
  if (!answer) return false;
  await api.send("PUT", `${path}/verdict`, { true: real, comment: answer.comment });
  return real ? "Kept as real." : "Kept as a false alarm.";
}

/** The series of an incident: a silence is about it only when it is about all of them. One that grows beyond shows again. */
function seriesOf(alert) {
  return [...new Set([alert.series, ...(alert.members ?? []).map((member) => member.series)])];
}

async function silence({ api, ask }, alert) {
  const series = seriesOf(alert);
  const named = series.length === 1 ? alert.series : `${alert.series} and the ${series.length - 1} series that tell of the same`;
  const answer = await ask({
    title: "Silence alerts like this one",
    text: "They are detected and kept all the same; lists and notifiers leave them out until then. An incident that grows beyond these series shows again.",
    fields: [
      { name: "scope", label: "Which", value: "series", options: [{ value: "series", text: `All alerts of ${named}` }, { value: "both", text: `Of these, by the rule ${alert.rule}` }, { value: "rule", text: `All alerts of the rule ${alert.rule}` }] },
      { name: "duration", label: "For", value: "4h", options: DURATIONS.map(([value, text]) => ({ value, text })) },
      { ...COMMENT, label: "Reason", required: true },
    ],
    confirm: "Silence",
  });
  if (!answer) return false;
  const matchers = {};
  if (answer.scope !== "rule") matchers.series = series;
  if (answer.scope !== "series") matchers.rules = [alert.rule];
  await api.send("POST", "silences", { matchers, duration: answer.duration, comment: answer.comment });
  return "Silenced.";
}
