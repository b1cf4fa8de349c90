/* The account page: profile and password.  Contacts, two-factor authentication and sessions have their own modules. */
import { request } from "./api.js";
import { Contact } from "./contacts.js";
import { $, busy, clearComplaints, complain, el } from "./dom.js";
import { renderFactor, setUpFactor } from "./factor.js";
import { plainPhone } from "./gate.js";
import { REQUIRED } from "./messages.js";
import { session } from "./session.js";
import { renderSessions, setUpSessions } from "./sessions.js";
import { isTyped, valuesOf, watch } from "./typed.js";

let contacts = [];

/* Shows a short confirmation beside a form's button until the form is edited again. */
function say(form, text) {
  form.querySelector(".said").textContent = text;
}

function fillProfile() {
  const { name, timeZone } = $("profile").elements;
  const zones = new Set(["UTC", session.user.timeZone, ...(Intl.supportedValuesOf?.("timeZone") ?? [])]);
  timeZone.replaceChildren(...[...zones].sort().map((zone) => el("option", { value: zone }, zone.replaceAll("_", " "))));
  name.value = session.user.name;
  timeZone.value = session.user.timeZone;
  watch($("profile"));
}

/* Unsaved input of the profile form, for restoreProfile(); null if there is none. */
export const profileDraft = () => (isTyped($("profile")) ? valuesOf($("profile")) : null);

export function restoreProfile(typed) {
  for (const [name, value] of Object.entries(typed)) $("profile").elements[name].value = value;
  say($("profile"), "Your unsaved changes have been restored.");
}

async function saveProfile(form) {
  const fields = { name: form.elements.name.value.trim(), timeZone: form.elements.timeZone.value };
  for (const key of Object.keys(fields)) if (fields[key] === session.user[key]) delete fields[key];
  if (Object.keys(fields).length) session.setUser(await request("PATCH", "/v1/me", { body: fields }));
  watch(form);
  say(form, "Saved");
}

async function changePassword(form) {
  const { currentPassword, newPassword, code } = form.elements;
  const body = { currentPassword: currentPassword.value, newPassword: newPassword.value };
  if (session.user.totpEnabledAt) body.code = code.value.trim();
  await request("POST", "/v1/me/password", { body });
  form.reset();
  say(form, "Password changed. You’ve been logged out on all other devices.");
  await renderSessions();
}

/* Marks required fields that are empty; true if there are none.  The server validates everything else. */
export function filled(form) {
  clearComplaints(form);
  const empty = [...form.querySelectorAll("input[required]")].filter((input) => !input.closest("[hidden]") && !input.value.trim());
  for (const input of empty) complain(input, REQUIRED);
  empty[0]?.focus();
  return !empty.length;
}

function onSubmit(form, work) {
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    if (filled(form)) busy(form, () => work(form));
  });
  form.addEventListener("input", () => say(form, ""));
}

export function setUpAccount() {
  onSubmit($("profile"), saveProfile);
  onSubmit($("password"), changePassword);
  contacts = [
    new Contact($("contact-email"), { kind: "email", label: "Email", noun: "address", type: "email", sent: (to) => `We’ve emailed a code to ${to}.` }),
    new Contact($("contact-phone"), { kind: "phone", label: "Phone", noun: "number", type: "tel", plain: plainPhone, sent: (to) => `We’ve sent a text message with a code to ${to}.` }),
  ];
  setUpFactor();
  setUpSessions();
}

/* Called whenever the user goes to this page. */
export async function openAccount() {
  for (const form of $("account").querySelectorAll("form")) { form.reset(); clearComplaints(form); }
  for (const place of $("account").querySelectorAll(".said")) place.textContent = "";
  for (const contact of contacts) contact.close();
  renderFactor(true);
  fillProfile();
  $("account").scrollTop = 0;
  $("account-title").focus({ preventScroll: true });
  await renderAccount();
}

/* Called when the user or their sessions have changed. */
export function renderAccount() {
  if (!session.user) return undefined;
  for (const contact of contacts) contact.render();
  renderFactor(false);
  return renderSessions();
}

/* Removes everything about the user from the page. */
export function clearAccount() {
  for (const form of $("account").querySelectorAll("form")) { form.reset(); clearComplaints(form); }
  $("profile").elements.timeZone.replaceChildren();
  for (const contact of contacts) contact.clear();
  renderFactor(true);
  $("factor-text").textContent = "";
  $("sessions").replaceChildren();
}
