/* Moments as people read them, in UTC or in the viewer's own zone, and always with the zone's name beside them.
 *
 * Everything inside is integer milliseconds of UTC. Only what is shown knows a zone; the choice is kept in this browser.
 */
const KEY = "streamwatch.zone";
const OWN = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const handlers = new Set();
let own = stored() === "own" && OWN !== "UTC";

function stored() {
  try { return localStorage.getItem(KEY); } catch { return null; }
}

/** The zone in use, as its name: "UTC" or "Europe/Berlin". */
function zone() {
  return own ? OWN : "UTC";
}

function choose(name) {
  own = name === "own";
  try { localStorage.setItem(KEY, own ? "own" : "utc"); } catch { /* not kept, but used */ }
  formats.clear();
  for (const handler of handlers) handler(zone());
}

function onChange(handler, { signal } = {}) {
  handlers.add(handler);
  signal?.addEventListener("abort", () => handlers.delete(handler));
}

const SHAPES = {
  clock: { hour: "2-digit", minute: "2-digit" },
  seconds: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  day: { day: "numeric", month: "short" },
  full: { weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" },
  dated: { day: "numeric", month: "short", year: "numeric" },
};
const formats = new Map();

function format(shape, ms) {
  if (!Number.isFinite(ms)) return "–";
  const made = formats.get(shape) ?? formats.set(shape, new Intl.DateTimeFormat("en-GB", { ...SHAPES[shape], hourCycle: "h23", timeZone: zone() })).get(shape);
  return made.format(ms);
}

/** "14:05" */
const clock = (ms) => format("clock", ms);
/** "14:05:20" */
const seconds = (ms) => format("seconds", ms);
/** "24 Feb" */
const day = (ms) => format("day", ms);
/** "24 Feb", or "24 Feb 2015": the year is said where it is not this one, since an old stream may be played again. */
const date = (ms) => format(ofThisYear(ms) ? "day" : "dated", ms);
/** "24 Feb, 14:05", "24 Feb 2015, 14:05" */
const at = (ms) => (Number.isFinite(ms) ? `${date(ms)}, ${clock(ms)}` : "–");
/** "Tue, 24 Feb 2015, 14:05 UTC" */
const full = (ms) => `${format("full", ms)} ${zone()}`;

const ofThisYear = (ms) => new Date(ms).getUTCFullYear() === new Date().getUTCFullYear();

/** RFC 3339 or milliseconds to milliseconds; NaN where it is neither. */
function parse(value) {
  return typeof value === "number" ? value : Date.parse(value ?? "");
}

const STEPS = [["d", 86400000], ["h", 3600000], ["min", 60000], ["s", 1000]];

/** "3 h 20 min", "45 s": the two largest units. */
function span(ms) {
  const parts = [];
  let rest = Math.max(0, Math.round(ms / 1000) * 1000);
  for (const [unit, size] of STEPS) {
    const n = Math.floor(rest / size);
    if (n && parts.length < 2) { parts.push(`${n} ${unit}`); rest -= n * size; } else if (parts.length) break;
  }
  return parts.join(" ") || "0 s";
}

/** "12 min before": against the watermark, since an old stream that is played again has its own now. */
function ago(ms, nowMs) {
  const past = nowMs - ms;
  return past < 5000 ? "just now" : `${span(past).split(" ").slice(0, 2).join(" ")} ago`;
}

/** For <input type="datetime-local">, in the zone in use, and back. */
function toInput(ms) {
  const parts = new Intl.DateTimeFormat("sv-SE", { timeZone: zone(), dateStyle: "short", timeStyle: "short" }).format(ms);
  return parts.replace(" ", "T");
}

function fromInput(text) {
  const naive = Date.parse(`${text}Z`);
  if (Number.isNaN(naive) || !own) return naive;
  const shift = Date.parse(`${toInput(naive)}Z`) - naive;      // the zone's offset then
  return naive - (Date.parse(`${toInput(naive - shift)}Z`) - (naive - shift));
}

export const time = { zone, own: OWN, choose, onChange, clock, seconds, day, date, at, full, parse, span, ago, toInput, fromInput };
