/*
 * The user's session: holds the access token, in memory only, and renews it.  The refresh token is an HttpOnly
 * cookie that scripts cannot read.  localStorage holds only the user's id, for reloads and for other tabs.
 */
import { forget, recall, remember } from "./storage.js";

const KEY = "taskwire.user"; /* the id; not a secret */
const EARLY_MS = 60_000; /* renew this long before the access token expires */

let access = null;
let expiresAt = 0;
let timer = 0;
let renewal = null; /* the refresh in progress, shared by all callers */
const listeners = { token: [], user: [], ended: [] };

export const session = { user: null, lastUserId: null };

/* Registers a callback for "token" (each new access token), "user" (the user's data), or "ended" ({why, byUser}). */
session.on = (name, callback) => listeners[name].push(callback);

function tell(name, value) {
  for (const callback of listeners[name]) callback(value);
}

session.exists = () => recall(KEY) !== null;

session.setUser = (user) => {
  session.user = user;
  session.lastUserId = user.id;
  tell("user", user);
};

/* Takes over the reply to sign-up, login or refresh. */
session.adopt = (reply) => {
  const { user } = reply;
  remember(KEY, user.id);
  if (session.user && session.user.id !== user.id) return replaced(); /* another user has logged in since, in another tab */
  access = reply.accessToken;
  const life = (reply.expiresIn ?? 600) * 1000;
  expiresAt = Date.now() + life;
  clearTimeout(timer);
  timer = setTimeout(() => session.refresh().catch(() => {}), Math.max(life - EARLY_MS, life / 2));
  session.setUser(user);
  tell("token", access);
  return undefined;
};

/* Another user has logged in: reloads, so that they see nothing of this user. */
function replaced() {
  session.user = null;
  location.reload();
}

/* Tells the other tabs that the user is logging out; this tab keeps working until end(). */
session.leave = () => forget(KEY);

/* Ends the session in this tab.  `why` is shown to the user; `byUser`: the user logged out. */
session.end = (why, byUser = false) => {
  clearTimeout(timer);
  access = null;
  expiresAt = 0;
  session.user = null;
  forget(KEY);
  tell("ended", { why, byUser });
  session.lastUserId = null;
};

/* An access token that is valid for at least five more seconds. */
session.token = async () => {
  if (!access || Date.now() > expiresAt - 5000) await session.refresh();
  return access;
};

session.refresh = () => {
  renewal ??= alone(renew).finally(() => { renewal = null; });
  return renewal;
};

/*
 * Tabs share one cookie, so only one tab may refresh at a time.  Where locks are not available (neither https nor
 * loopback), two tabs may send the same token: within 10 s the server gives both the same successor.
 */
function alone(work) {
  return navigator.locks ? navigator.locks.request(KEY, work) : work();
}

async function renew() {
  if (!session.exists()) throw new Error("signed out");
  const reply = await fetch("/v1/sessions/refresh", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: "{}",
    cache: "no-store",
    keepalive: true, /* the browser stores the new cookie even if the page is closed */
  });
  if (reply.status >= 400 && reply.status < 500 && reply.status !== 429) {
    session.end("Your session has ended. Please log in again.");
    throw new Error("signed out");
  }
  if (!reply.ok) throw new TypeError("the session could not be renewed just now");
  session.adopt(await reply.json());
}

/* Logging out or changing the user in one tab does so in all tabs. */
window.addEventListener("storage", (e) => {
  if (e.key !== KEY || !access) return;
  if (e.newValue === null) session.end("You logged out in another tab.");
  else if (e.newValue !== session.user.id) replaced();
});

forget("taskwire.refresh"); /* an older version of the page kept the refresh token there */
