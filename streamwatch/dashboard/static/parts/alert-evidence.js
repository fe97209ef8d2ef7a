/* What an alert rests on: its words, who is named, where it came from, and the documents themselves. */
import { make } from "/static/dom.js";
import { count, percent, plural } from "/static/format.js";
import { sentiment } from "/static/parts/words.js";
import { empty } from "/static/region.js";

export function evidenceTerms(evidence) {
  const terms = evidence.terms ?? [];
  if (!terms.length) return null;
  const compared = evidence.n_past_documents ? `Against ${plural(evidence.n_past_documents, "document")} of the series' own past.` : "There is no past to compare with: these are the words of most documents.";
  return part("What they talk about", make("ul", { class: "terms" }, terms.map((term) => make("li", {},
    make("span", { text: term.term }), make("span", { class: "faint num", text: `${count(term.n_documents)} of ${count(total(term))}` }),
    make("span", { class: "meter", styles: { "--part": term.share_of_documents } }, make("i"))))), make("p", { class: "hint", text: compared }));
}

const total = (term) => (term.share_of_documents ? Math.round(term.n_documents / term.share_of_documents) : NaN);

export function evidenceNames(evidence) {
  const names = Object.entries(evidence.entities ?? {}).sort((a, b) => b[1] - a[1]);
  if (!names.length) return null;
  return part("Who is named", make("ul", { class: "tags" }, names.map(([name, n]) => make("li", { class: "badge plain" }, name, make("span", { class: "faint", text: count(n) })))));
}

/** One voice or many: the first thing to ask of a spike. */
export function concentration(evidence) {
  const facts = [
    ["Different texts", count(evidence.n_distinct_texts ?? 0)],
    ["Different authors", evidence.n_distinct_authors ? count(evidence.n_distinct_authors) : "not known"],
    ["Largest author", Number.isFinite(evidence.largest_author_share) ? percent(evidence.largest_author_share) : "not known"],
    ["Largest text", Number.isFinite(evidence.largest_text_share) ? percent(evidence.largest_text_share) : "–"],
    ["Copies besides", count(evidence.n_copies ?? 0)],
    ["Came by", Object.entries(evidence.channels ?? {}).map(([name, n]) => `${name} ${n}`).join(", ") || "–"],
  ];
  return part("One voice or many", make("dl", { class: "facts small" }, facts.map(([name, value]) => make("div", {}, make("dt", { text: name }), make("dd", { text: value })))),
    make("p", { class: "hint", text: "Of the newest negative documents, 24 at most." }));
}

export function evidenceDocuments(evidence, { time }) {
  const documents = evidence.documents ?? [];
  if (!documents.length) return empty("No documents", "An alert of this kind rests on none.");
  return make("ol", { class: "documents" }, documents.map((one) => make("li", { class: "document" },
    make("div", { class: "document-head" }, sentiment(one.sentiment, one.p_negative ?? null),
      one.copies > 1 ? make("span", { class: "badge", text: plural(one.copies, "copy", "copies") }) : null,
      make("time", { class: "faint", datetime: one.published_at, text: `${time.at(time.parse(one.published_at))} ${time.zone()}` })),
    make("p", { class: "document-text", text: one.text }),
    make("div", { class: "faint", text: [one.source, `${one.channel} ${one.partition}:${one.offset}`].filter(Boolean).join(" · ") }))));
}

function part(title, ...content) {
  return make("section", { class: "card" }, make("div", { class: "card-head" }, make("h2", { text: title })), make("div", { class: "card-body stack" }, ...content));
}
