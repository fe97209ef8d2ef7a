/* What a trend is asked for, read from the address and written back to it: a link shows the same to whoever opens it. */
export const SPANS = [[1, "1 h"], [6, "6 h"], [24, "24 h"], [168, "7 d"], [720, "30 d"], [2160, "90 d"]];
export const STEPS = [["", "Step: automatic"], ["10s", "10 s"], ["1m", "1 min"], ["5m", "5 min"], ["15m", "15 min"], ["30m", "30 min"], ["1h", "1 h"], ["6h", "6 h"], ["1d", "1 d"]];
export const COMPARISONS = [["", "Compare: no"], ["before", "the span before"], ["day", "a day earlier"], ["week", "a week earlier"]];
export const FILTERS = ["source_kind", "ticker", "topic", "sentiment"];
export const MOST_SERIES = 5;      // lines that people can tell apart; the server may take more
const HOUR_MS = 3600000;
const DAY_MS = 24 * HOUR_MS;

export function readQuery(query) {
  const number = (name) => (query.get(name) ? Number(query.get(name)) : null);
  const wanted = { series: query.getAll("series").slice(0, MOST_SERIES), from: number("from"), to: number("to"), hours: number("hours") ?? 24, step: query.get("step") ?? "", compare: query.get("compare") ?? "", view: query.get("view") ?? "chart" };
  for (const name of FILTERS) wanted[name] = query.get(name) ?? "";
  return wanted;
}

/** For the address: defaults are left out. */
export function toAddress(wanted) {
  const free = wanted.from !== null;
  return { ...wanted, hours: free || wanted.hours === 24 ? null : wanted.hours, view: wanted.view === "chart" ? null : wanted.view };
}

/** The span in milliseconds; open at its end where it follows the stream. */
export function spanOf(wanted, nowMs) {
  if (wanted.from !== null) return { from: wanted.from, to: wanted.to ?? nowMs, follows: wanted.to === null };
  return { from: nowMs ? nowMs - wanted.hours * HOUR_MS : null, to: nowMs || null, follows: true };
}

/** The parameters of /trends. */
export function toRequest(wanted, { from, to }) {
  const request = { series: wanted.series, from: from && Math.floor(from), to: to && Math.ceil(to), step: wanted.step, baseline: true };
  for (const name of FILTERS) request[name] = wanted[name];
  return request;
}

/** How far back the compared span lies. */
export function shiftOf(compare, { from, to }) {
  return { before: to - from, day: DAY_MS, week: 7 * DAY_MS }[compare] ?? 0;
}
