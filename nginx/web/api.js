/*
 * HTTP requests to the API: bearer token, Base-Rev, Idempotency-Key, problem+json.  A request that may have been
 * lost is repeated with the same key, so it takes effect only once.
 */
import { problemText } from "./messages.js";
import { session } from "./session.js";

const TRIES = 6;
const LONGEST_S = 10; /* the longest Retry-After that is waited for */
const BAD_SECRET = "bad-credentials"; /* 401 because of a wrong code, not an expired token */
const STEP_UP = "step-up-required"; /* 403: the password was entered too long ago */
const LOST = new Set([502, 503, 504]); /* the request was not, or may not have been, carried out */

/* An error response; `message` is for the user, `errors` has a pointer and a code per field. */
export class Problem extends Error {
  constructor(status, body) {
    const slug = String(body?.type ?? "").split(/[/:#]/).pop();
    super(problemText(slug, status));
    this.status = status;
    this.slug = slug;
    this.errors = body?.errors ?? [];
    this.current = body?.current ?? null;
    this.changedBy = body?.changedBy ?? null;
    this.requestId = body?.requestId ?? null;
    this.fault = body?.position === undefined ? null : { position: body.position, expected: body.expected }; /* of a filter */
  }
}

/* Asks the user for the password again; resolves to true if it was right.  Set by the page. */
let confirmPassword = async () => false;
export const onStepUp = (ask) => { confirmPassword = ask; };

/* crypto.randomUUID() needs a secure context; a host on the local network without TLS is not one. */
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6] & 0x0f) | 0x40;
  b[8] = (b[8] & 0x3f) | 0x80;
  const hex = Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/* Milliseconds to wait before the next attempt: what the server asks for, else exponential back-off with jitter. */
function delayOf(attempt, reply) {
  const asked = Number(reply?.headers.get("Retry-After"));
  if (asked > 0) return Math.min(asked, LONGEST_S) * 1000 * (1 + Math.random() / 4);
  return Math.min(4000, 250 * 2 ** attempt) * (0.5 + Math.random() / 2);
}

async function headersFor(method, options, key) {
  const headers = { Accept: "application/json" };
  if (options.body !== undefined) {
    headers["Content-Type"] = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  }
  if (method !== "GET") headers["Idempotency-Key"] = key;
  if (options.base !== undefined) headers["Base-Rev"] = String(options.base);
  if (!options.open) headers.Authorization = `Bearer ${await (options.session ?? session).token()}`;
  return headers;
}

async function once(method, path, options, key) {
  const reply = await fetch(path, {
    method,
    headers: await headersFor(method, options, key),
    body: options.body === undefined ? undefined : JSON.stringify(options.body),
    cache: "no-store",
  });
  return { reply, text: await reply.text() };
}

function parse(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

/*
 * Sends a request and resolves to the reply's JSON, or rejects with a Problem.
 * options: body, base (the revision that the change is based on, sent as Base-Rev), open (send no token: sign-up and login),
 * key (the Idempotency-Key, if the caller may repeat the request), session (whose token() and refresh() are used; by default the user's).
 */
export async function request(method, path, options = {}) {
  let key = options.key ?? uuid();
  let renewed = false;
  for (let attempt = 0; ; attempt++) {
    let answer;
    try {
      answer = await once(method, path, options, key);
    } catch (error) {
      if (!(error instanceof TypeError) || attempt + 1 >= TRIES) throw unreachable(error);
      await pause(delayOf(attempt));
      continue;
    }
    const { reply, text } = answer;
    if (reply.ok) return parse(text);
    const problem = new Problem(reply.status, parse(text));
    if (reply.status === 401 && problem.slug !== BAD_SECRET && !options.open && !renewed) {
      renewed = true;
      await (options.session ?? session).refresh();
      continue;
    }
    if (reply.status === 403 && problem.slug === STEP_UP && await confirmPassword()) {
      key = uuid(); /* a new request: the first one has its answer */
      continue;
    }
    if (!mayRepeat(reply, problem, options) || attempt + 1 >= TRIES) throw problem;
    await pause(delayOf(attempt, reply));
  }
}

/* 409 "in progress" means that our first attempt is still running.  A throttled login or a long wait is shown to the user instead. */
function mayRepeat(reply, problem, options) {
  const briefly = !(Number(reply.headers.get("Retry-After")) > LONGEST_S);
  return LOST.has(reply.status) || (reply.status === 429 && !options.open && briefly) ||
    (reply.status === 409 && /progress|running|flight/.test(problem.slug));
}

function unreachable(error) {
  return error instanceof TypeError
    ? new Problem(0, null)
    : error;
}

/* All items of a paged list. */
export async function everything(path, options) {
  const items = [];
  let cursor = null;
  do {
    const joint = path.includes("?") ? "&" : "?";
    const page = await request("GET", path + (cursor ? `${joint}cursor=${encodeURIComponent(cursor)}` : ""), options);
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor);
  return items;
}
