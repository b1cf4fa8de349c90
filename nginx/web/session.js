/*
 * Who is signed in: the access token (memory only), its renewal, and the refresh token.
 * The refresh token lies in localStorage for now.  Cookie mode comes with the accounts work;
 * this is the only module that knows where the token lies, so that will be one change here.
 */
const KEY = "taskwire.refresh";
const EARLY_MS = 60_000; /* renew this long before the access token ends */

let access = null;
let expiresAt = 0;
let timer = 0;
let renewal = null; /* the refresh under way, shared by all who need it */
const listeners = { token: [], ended: [] };

export const session = { user: null };

/* Calls back with each new access token ("token") or when the session is over ("ended"). */
session.on = (name, callback) => listeners[name].push(callback);

function tell(name, value) {
  for (const callback of listeners[name]) callback(value);
}

session.exists = () => localStorage.getItem(KEY) !== null;

/* Takes the reply of sign-up, log-in or refresh. */
session.adopt = (reply) => {
  access = reply.accessToken;
  const life = (reply.expiresIn ?? 600) * 1000;
  expiresAt = Date.now() + life;
  if (reply.refreshToken) localStorage.setItem(KEY, reply.refreshToken);
  if (reply.user) session.user = reply.user;
  clearTimeout(timer);
  timer = setTimeout(() => session.refresh().catch(() => {}), Math.max(life - EARLY_MS, life / 2));
  tell("token", access);
};

/* Forgets everything; `why` is shown to the user when the session ended by itself. */
session.end = (why) => {
  clearTimeout(timer);
  access = null;
  expiresAt = 0;
  session.user = null;
  localStorage.removeItem(KEY);
  tell("ended", why);
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

/* Tabs share one refresh token, and a used one must not be shown twice: only one tab renews at a time. */
function alone(work) {
  return navigator.locks ? navigator.locks.request(KEY, work) : work();
}

async function renew() {
  const refreshToken = localStorage.getItem(KEY);
  if (!refreshToken) throw new Error("signed out");
  const reply = await fetch("/v1/sessions/refresh", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ refreshToken }),
  });
  if (reply.status >= 400 && reply.status < 500 && reply.status !== 429) {
    session.end("Your session has ended. Please log in again.");
    throw new Error("signed out");
  }
  if (!reply.ok) throw new TypeError("the session could not be renewed just now");
  session.adopt(await reply.json());
}

/* Logging out in one tab logs out the others. */
window.addEventListener("storage", (e) => {
  if (e.key === KEY && e.newValue === null && access) session.end("You logged out in another tab.");
});
