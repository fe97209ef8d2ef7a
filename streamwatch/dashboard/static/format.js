/* Numbers as people read them. */
const whole = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const WEEKS_A_YEAR = 365.25 / 7;
const compact = new Intl.NumberFormat("en-GB", { notation: "compact", maximumFractionDigits: 1 });

/** 12,345; nothing is not zero: it is a dash. */
export const count = (n) => (Number.isFinite(n) ? whole.format(n) : "–");

/** 12.3K: where there is no room. */
export const short = (n) => (Number.isFinite(n) ? (Math.abs(n) < 10000 ? whole.format(n) : compact.format(n)) : "–");

/** A share as "31 %"; below ten percent with one decimal, since 0.4 % and 0 % are not the same. */
export function percent(share) {
  if (!Number.isFinite(share)) return "–";
  const value = share * 100;
  return `${value > 0 && value < 10 ? value.toFixed(1) : value.toFixed(0)} %`;
}

/** "+3.2 σ", with a real minus. */
export function sigmas(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value).toFixed(1);
  return `${size === "0.0" ? "" : value < 0 ? "−" : "+"}${size} σ`;
}

/** "2.4 ×" */
export const times = (value) => (Number.isFinite(value) ? `${value.toFixed(value < 10 ? 1 : 0)} ×` : "–");

/** A number to a few figures that says its size: 1,240 or 3.1 million. */
export function big(value) {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) < 100) return value.toFixed(1);
  return value < 1e6 ? whole.format(value) : new Intl.NumberFormat("en-GB", { notation: "compact", compactDisplay: "long", maximumFractionDigits: 1 }).format(value);
}

/** "14 weeks", "3 million years". */
export const weeks = (n) => (n < 2 * WEEKS_A_YEAR ? `${big(n)} weeks` : `${big(n / WEEKS_A_YEAR)} years`);

/** "1 document", "3 documents". */
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** A series' name in two parts for display: its kind, and what it is. */
export function parts(name) {
  const at = name.indexOf(":");
  if (at < 0) return ["", name === "all" ? "All documents" : name];
  const kind = name.slice(0, at);
  return [kind, kind === "topic" ? name.slice(at + 1).replaceAll("_", " ") : name.slice(at + 1)];
}
