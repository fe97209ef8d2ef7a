/* What could not be used: why, where it came from, and a way back for what was mended. Bytes are shown to admins alone. */
import { make } from "/static/dom.js";
import { count } from "/static/format.js";
import { empty } from "/static/region.js";

const PAGE = 50;

export class DeadLetters {
  constructor(root, context) {
    this.context = context;
    this.items = [];
    this.list = make("div");
    this.more = make("button", { type: "button", class: "button small", on: { click: () => this.load(this.next) } }, "Older ones");
    this.foot = make("div", { class: "card-body", hidden: true }, this.more);
    root.append(make("div", { class: "card-head" }, make("h2", { text: "Dead letters" }), make("span", { class: "hint", text: "The newest first" })), this.list, this.foot);
    this.part = context.region(this.list, { label: "Dead letters", rows: 3, load: (signal) => this.ask(null, signal), draw: () => this.table() });
    context.time.onChange(() => this.part.reload(), context);
  }

  async ask(cursor, signal) {
    const answer = await this.context.api.get("dead-letters", { limit: PAGE, cursor }, { signal });
    this.items = cursor ? [...this.items, ...answer.items] : answer.items;
    this.next = answer.next;
    this.foot.hidden = !answer.next;
    return answer;
  }

  async load(cursor) {
    try {
      await this.ask(cursor, this.context.signal);
      this.list.querySelector(".region-body")?.replaceChildren(this.table());
    } catch (problem) {
      if (problem.name !== "AbortError") this.context.toast(problem.message, { bad: true });
    }
  }

  table() {
    if (!this.items.length) return empty("No dead letters", "All that came could be used.");
    return make("div", { class: "scroll-x" }, make("table", { class: "letters-table" }, make("caption", { class: "unseen", text: "Dead letters" }),
      make("thead", {}, make("tr", {}, ["When", "Reason", "From", "Size", ""].map((name) => make("th", { scope: "col" }, name || make("span", { class: "unseen", text: "Actions" }))))),
      make("tbody", {}, this.items.map((one) => this.row(one)))));
  }

  row(one) {
    const { time } = this.context;
    return make("tr", { class: "row" },
      make("td", { class: "faint", text: `${time.at(one.observed_ms)} ${time.zone()}` }),
      make("td", {}, make("strong", { text: one.reason.replaceAll("_", " ") }), make("div", { class: "faint detail", text: one.detail ?? "" }), one.shown ? make("div", { class: "mono shown", text: one.shown }) : null),
      make("td", { class: "mono", text: `${one.source_channel}[${one.source_partition}]@${one.source_offset}` }),
      make("td", { class: "faint", text: `${count(one.length_bytes)} bytes` }),
      make("td", {}, this.context.can("admin") ? this.button(one) : null));
  }

  button(one) {
    if (!one.replayable) return make("span", { class: "hint", text: "Bytes not whole" });
    return make("button", { type: "button", class: "button small", "aria-label": `Send ${one.source_channel} ${one.source_partition} ${one.source_offset} again`, on: { click: () => this.replay(one) } }, "Send again");
  }

  async replay(one) {
    const sure = await this.context.ask({ title: "Send it again?", text: `Its bytes go back into the channel ${one.source_channel}, marked as replayed. Mend the cause first, or it comes back here: ${one.reason.replaceAll("_", " ")}.`, confirm: "Send again" });
    if (!sure) return;
    try {
      const place = await this.context.api.send("POST", `dead-letters/${one.partition}/${one.offset}/replay`);
      this.context.toast(`It lies at ${place.channel}[${place.partition}]@${place.offset} now.`);
      this.part.reload();
    } catch (problem) {
      if (problem.name !== "AbortError") this.context.toast(problem.message, { bad: true });
    }
  }
}
