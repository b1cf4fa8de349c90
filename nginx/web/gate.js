/* What the page shows before login: log in, sign up, and reset a forgotten password. */
import { request } from "./api.js";
import { $, busy, clearComplaints, complain } from "./dom.js";
import { invitationToken, invitationUsed } from "./invitations.js";
import { REQUIRED } from "./messages.js";
import { session } from "./session.js";
import { watch } from "./typed.js";

const TABS = ["login", "signup"];
const LEDES = {
  login: "Your team’s tasks, up to date on every screen.",
  signup: "Your team’s tasks, up to date on every screen.",
  forgot: "Enter your account’s email address. We’ll email you a link to choose a new password.",
  reset: "Choose a new password. You’ll be logged out on all devices.",
};
const TEXTS = {
  login: {
    "bad-credentials": "Wrong email or password.",
    throttled: "Too many attempts. Wait a few minutes, then try again.",
  },
  signup: {
    forbidden: "You can only sign up here with an invitation, or not at all at the moment. If someone has invited you, follow the link in the email.",
  },
};
let resetToken = null;
let enterWith = null; /* enter() of setUpGate() */

/* Shows one of the forms, with a note above it. */
function choose(name, note = "") {
  for (const each of Object.keys(LEDES)) $(each).hidden = each !== name;
  for (const each of TABS) {
    $(`tab-${each}`).setAttribute("aria-pressed", String(each === name));
  }
  $("gate-tabs").hidden = !TABS.includes(name);
  $("gate-lede").textContent = LEDES[name];
  $("gate-note").textContent = note;
  $("gate-note").hidden = !note;
  clearComplaints($(name));
  if (name === "login") askCode(false);
}

/* Shows or hides the field for the code of an account with two-factor authentication. */
function askCode(yes) {
  const { code } = $("login").elements;
  code.closest(".field").hidden = !yes;
  code.required = yes;
  code.value = "";
  if (yes) code.focus();
}

/* Checks what can be checked without the server; true if there is nothing to complain about. */
function complete(form) {
  clearComplaints(form);
  for (const input of form.querySelectorAll("input[required]")) {
    if (!input.value.trim()) complain(input, REQUIRED);
    else if (input.autocomplete === "new-password" && [...input.value].length < 12) {
      complain(input, "Use at least 12 characters.");
    }
  }
  const bad = form.querySelector("[aria-invalid]");
  bad?.focus();
  return !bad;
}

/* "+49 (170) 123-45" is how people write what the server wants as +4917012345. */
export const plainPhone = (text) => (/^[+\d][\d\s().\/-]+$/.test(text.trim()) ? text.replace(/[\s().\/-]/g, "") : text.trim());

/* Opens a session by login or sign-up; its refresh token is a cookie. */
async function open(path, body) {
  const opened = await request("POST", path, { body: { ...body, cookie: true }, open: true });
  if (opened.accessToken) session.adopt(opened);
  return Boolean(opened.accessToken);
}

async function logIn(f) {
  const body = { login: plainPhone(f.login.value), password: f.password.value };
  if (f.code.required) body.code = f.code.value.trim();
  try {
    await open("/v1/sessions", body);
  } catch (error) {
    if (error.slug === "bad-credentials" && f.code.required) throw Object.assign(error, { message: "Wrong password or code.", slug: "" });
    if (error.slug !== "code-required") throw error;
    askCode(true);
    return false;
  }
  return true;
}

/* Registers with the browser's time zone, or without it if the server does not know it.  The account may have to be opened by a link sent by email. */
async function signUp(f) {
  const body = { name: f.name.value.trim(), email: f.email.value.trim(), phone: plainPhone(f.phone.value), password: f.password.value };
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  if (invitationToken()) body.invitation = invitationToken();
  const opened = await open("/v1/users", { ...body, timeZone }).catch((error) => {
    if (error.errors?.length !== 1 || error.errors[0].pointer !== "/timeZone") throw error;
    return open("/v1/users", body);
  });
  invitationUsed();
  if (opened) return enterWith(`We’ve emailed a link to ${session.user.email} to confirm the address.`);
  choose("login", `We’ve emailed a link to ${body.email} to activate your account. Follow it, then log in here.`);
  return true;
}

/* The reply is the same whether or not there is an account. */
async function forgot(f) {
  await request("POST", "/v1/password-resets", { body: { email: f.email.value.trim() }, open: true });
  choose("login", "If there’s an account with this address, we’ve emailed a link to it. The link works for 30 minutes.");
  $("login").elements.password.focus();
}

async function reset(f, done) {
  try {
    await request("PUT", "/v1/password-resets", { body: { token: resetToken, password: f.password.value }, open: true });
  } catch (error) {
    if (error.status !== 401) throw error;
    choose("forgot", "This link no longer works: it has already been used, or is more than 30 minutes old. You can request a new one.");
    $("forgot").elements.email.focus();
    return;
  }
  resetToken = null;
  done("Your password has been changed. Log in with the new one.");
}

function onSubmit(id, work) {
  $(id).onsubmit = (e) => {
    e.preventDefault();
    if (!complete($(id))) return;
    busy($(id), async () => {
      if (await work($(id).elements) !== false) $(id).reset();
    }, { texts: TEXTS[id] });
  };
}

/* Sets up the forms.  enter(words) opens the workspace after a login; done(words) continues after a new password was set. */
export function setUpGate(enter, done) {
  for (const each of TABS) {
    $(`tab-${each}`).onclick = () => { choose(each); $(each).elements[0].focus(); };
  }
  $("forgot-link").onclick = () => {
    const typed = $("login").elements.login.value.trim();
    choose("forgot");
    $("forgot").elements.email.value = typed.includes("@") ? typed : "";
    $("forgot").elements.email.focus();
  };
  for (const button of document.querySelectorAll("[data-to-login]")) {
    button.onclick = () => {
      if (session.exists()) done(); /* somebody who is logged in followed the link */
      else { choose("login"); $("login").elements.login.focus(); }
    };
  }
  onSubmit("login", async (f) => (await logIn(f) ? enter() : false));
  enterWith = enter;
  onSubmit("signup", signUp);
  watch($("signup"));
  onSubmit("forgot", forgot);
  onSubmit("reset", (f) => reset(f, done));
}

function show(name, note, first) {
  $("gate").hidden = false;
  $("shell").hidden = $("boot").hidden = true;
  choose(name, note);
  $(name).elements[first].focus();
}

export const showGate = (note) => show("login", note, "login");

/* Shows the form for a reset link.  Emails that only warn link here without a token: then the form that requests a link. */
export function showReset(token) {
  resetToken = token;
  if (token) show("reset", "", "password");
  else show("forgot", "", "email");
}
