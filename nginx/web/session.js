/*
 * Who is signed in: the access token, in memory alone, and its renewal.  The refresh token is an HttpOnly
 * cookie, which no script reads; localStorage holds no more than who is signed in here, for a reload and
 * for the other tabs.
 */
import { forget, recall, remember } from "./storage.js";

const KEY = "taskwire.user"; /* the id; not a secret */
const EARLY_MS = 60_000; /* renew this long before the access token ends */

let access = null;
let expiresAt = 0;
let timer = 0;
let renewal = null; /* the refresh under way, shared by all who need it */
const listeners = { token: [], user: [], ended: [] };

export const session = { user: null, lastUserId: null };

/* Calls back with each new access token ("token"), what is known of the user ("user"), or when the session is over ("ended"). */
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

/* Takes the reply of sign-up, log-in or refresh. */
session.adopt = (reply) => {
  const { user } = reply;
  remember(KEY, user.id);
  if (session.user && session.user.id !== user.id) return replaced(); /* the cookie is somebody else's since */
  access = reply.accessToken;
  const life = (reply.expiresIn ?? 600) * 1000;
  expiresAt = Date.now() + life;
  clearTimeout(timer);
  timer = setTimeout(() => session.refresh().catch(() => {}), Math.max(life - EARLY_MS, life / 2));
  session.setUser(user);
  tell("token", access);
  return undefined;
};

/* Nothing on this page is for the new user to see. */
function replaced() {
  session.user = null;
  location.reload();
}

/* Lets the other tabs know that the user leaves; this one goes on until end(). */
session.leave = () => forget(KEY);

/* Forgets everything; `why` is shown to the user, `byUser` when it was their wish. */
session.end = (why, byUser = false) => {
  clearTimeout(timer);
  access = null;
  expiresAt = 0;
  session.user = null;
  forget(KEY);
  tell("ended", { why, byUser });
  session.lastUserId = null;
};

/* A token good for at least a few seconds more. */
session.token = async () => {
  if (!access || Date.now() > expiresAt - 5000) await session.refresh();
  return access;
};

session.refresh = () => {
  renewal ??= alone(renew).finally(() => { renewal = null; });
  return renewal;
};

/*
 * Tabs share one cookie, and only one tab renews at a time.  Without locks (a page that is neither https
 * nor loopback) two may show the same token: within 10 s the server gives both the same successor.
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
    keepalive: true, /* a page that is left takes the new cookie all the same */
  });
  if (reply.status >= 400 && reply.status < 500 && reply.status !== 429) {
    session.end("Your session has ended. Please log in again.");
    throw new Error("signed out");
  }
  if (!reply.ok) throw new TypeError("the session could not be renewed just now");
  session.adopt(await reply.json());
}

/* Logging out in one tab logs out the others; another user in one tab is so in all. */
window.addEventListener("storage", (e) => {
  if (e.key !== KEY || !access) return;
  if (e.newValue === null) session.end("You logged out in another tab.");
  else if (e.newValue !== session.user.id) replaced();
});

forget("taskwire.refresh"); /* where the token of an older page lay */
