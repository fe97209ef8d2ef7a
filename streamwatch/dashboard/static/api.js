/* Asks the server: JSON in and out, problems as exceptions, what has not changed is not sent again.
 *
 *     const { items } = await api.get("series", { kind: "ticker", hours: 24 }, { signal });
 *     await api.send("PUT", `alerts/${id}/verdict`, { true: false, comment: "an old story" });
 *
 * A write first makes sure that the person has a name (`beforeWrite`), and carries the session's CSRF token.
 */
const ROOT = "/api/v1/";
const REMEMBERED = 60;             // answers kept with their ETag; a page asks for fewer than ten
const NETWORK_RETRY_S = 3;         // a server that restarts is back within a few seconds
const answers = new Map();

/** An answer that is a refusal: RFC 9457. `status` 0 means that there was no answer at all. */
export class Problem extends Error {
  constructor(status, body = {}, retryAfterS = null) {
    super(body.detail || body.title || `The server answered ${status}.`);
    this.status = status;
    this.title = body.title ?? "";
    this.type = body.type ?? "";
    this.more = body;
    this.retryAfterS = retryAfterS;
  }

  /** Whether the same request may succeed later without anybody doing anything about it. */
  get passes() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }

  /** Whether its type is of this name: `problem.is("rule-changed")`, whatever address stands before the name. */
  is(name) {
    return this.type.split(/[/:#]/).pop() === name;
  }
}

export function address(path, params = {}) {
  const url = new URL(ROOT + path, location.origin);
  for (const [name, value] of Object.entries(params)) {
    for (const one of [value].flat()) if (one !== null && one !== undefined && one !== "") url.searchParams.append(name, one);
  }
  return url.pathname + url.search;
}

async function get(path, params = {}, { signal } = {}) {
  const url = address(path, params);
  const known = answers.get(url);
  const response = await reach(url, { headers: known ? { "If-None-Match": known.etag } : {}, signal });
  if (response.status === 304 && known) return known.body;
  const body = await read(response);
  const etag = response.headers.get("ETag");
  if (etag) remember(url, { etag, body });
  return body;
}

async function send(method, path, body = {}, { signal } = {}) {
  await api.beforeWrite(path);
  const headers = { "Content-Type": "application/json" };
  if (api.csrf) headers["X-CSRF-Token"] = api.csrf;
  return read(await reach(address(path), { method, headers, body: JSON.stringify(body), signal }));
}

async function reach(url, options) {
  try {
    return await fetch(url, { credentials: "same-origin", cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { title: "No answer", detail: "The dashboard's server does not answer." }, NETWORK_RETRY_S);
  }
}

async function read(response) {
  if (response.status === 204) return null;
  const body = (response.headers.get("Content-Type") ?? "").includes("json") ? await response.json() : { detail: "" };
  if (response.ok) return body;
  if (response.status === 401) leaveForLogin();
  const retry = Number(response.headers.get("Retry-After"));
  throw new Problem(response.status, body, Number.isFinite(retry) && retry > 0 ? retry : null);
}

function leaveForLogin() {
  if (location.pathname !== "/login") location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

function remember(url, answer) {
  answers.delete(url);
  answers.set(url, answer);
  if (answers.size > REMEMBERED) answers.delete(answers.keys().next().value);
}

export const api = { get, send, address, csrf: "", beforeWrite: async () => {} };
