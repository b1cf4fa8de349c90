/*
 * Invitations: those an admin has sent (in the share dialog) and those the user has received, by a link in an
 * email (#/i/<token>) or in the sidebar's list of invitations to the confirmed address.  The token is removed from
 * the address bar at once and kept in memory until the user responds.
 */
import { everything, request } from "./api.js";
import { capital } from "./card.js";
import { ask, toast, toastError } from "./dialogs.js";
import { $, el, icon, isolate, quote } from "./dom.js";

const GONE = "This invitation is no longer valid: it was used, declined, withdrawn or replaced, or is more than seven days old.";
let token = null; /* from a link, not answered yet */
let shown = null; /* the project of that invitation, as named on the start page */
let promised = null; /* the project that registering was meant to join */
let listGeneration = 0;
let sentGeneration = 0;

/* ---- received ---- */

/* Takes the token out of the address bar; true if there was one. */
export function takeInvitation() {
  const [, found] = /^#\/i\/([\w-]{1,200})$/.exec(location.hash) ?? [];
  if (!found) return false;
  history.replaceState(null, "", "#/");
  token = found;
  return true;
}

const words = ({ inviter, project, role }) => `${isolate(inviter.name)} invites you to join ${quote(project.name)} as ${/^[ao]/.test(role) ? "an" : "a"} ${role}.`;
const reason = (error) => (error.status === 404 ? GONE : error.message);

/* The note above the login form after following an invitation link; null without one. */
export async function invitationNote() {
  if (!token) return null;
  try {
    const seen = await request("POST", "/v1/invitations/look", { body: { token }, open: true });
    shown = seen.project;
    return `${words(seen)} Log in to respond, or create an account to join.`;
  } catch (error) {
    token = null;
    return reason(error);
  }
}

/* For registering, which accepts the invitation. */
export const invitationToken = () => token;
export function invitationUsed() {
  promised = shown;
  token = shown = null;
}

/* An account is also created when the project is full: the message for that case, or null. */
export function noRoomNote(projects) {
  const project = promised;
  promised = null;
  return project && !projects.has(project.id)
    ? `${quote(project.name)} is full. Your invitation is still valid: follow its link again when there’s room.` : null;
}

/* Asks about the invitation whose link was followed, if any; resolves to the project that the user joined, or null. */
export async function answerInvitationLink() {
  if (!token) return null;
  const body = { token };
  token = null;
  try {
    return await answer(await request("POST", "/v1/invitations/look", { body, open: true }), body);
  } catch (error) {
    toast(reason(error));
    return null;
  }
}

async function answer(seen, body) {
  $("invitation-text").textContent = words(seen);
  const choice = await ask($("invitation-dialog"));
  if (choice === "decline") await request("POST", "/v1/invitations/decline", { body });
  if (choice !== "accept") return null;
  const project = await request("POST", "/v1/invitations/accept", { body });
  toast(`You’ve joined ${quote(project.name)}.`);
  return project;
}

/* The user's invitations in the sidebar; calls joined(project) after one was accepted. */
export async function renderInvitations(joined) {
  const mine = ++listGeneration;
  const items = await everything("/v1/invitations").catch(() => null);
  if (mine !== listGeneration || !items) return;
  const open = (seen) => answer(seen, { id: seen.id })
    .then((project) => project && joined(project), (error) => toast(reason(error)))
    .finally(() => renderInvitations(joined));
  $("my-invitations").hidden = !items.length;
  $("my-invitations").replaceChildren(...items.map((seen) => el("li", {},
    el("button.quiet.grow", { type: "button", title: words(seen), onclick: () => open(seen) },
      icon("people"), el("span.clip", { dir: "auto" }, seen.project.name)))));
}

/* ---- sent ---- */

/* Fills the share dialog's list of pending invitations; empty for members who may not see them. */
export async function renderSent(store) {
  const mine = ++sentGeneration;
  const path = `/v1/projects/${store.id}/invitations`;
  const items = store.mayAdmin ? await everything(`${path}?limit=200`).catch(() => []) : [];
  if (mine !== sentGeneration) return;
  const withdraw = (id) => request("DELETE", `${path}/${id}`)
    .catch((error) => { if (error.status !== 404) toastError(error); })
    .then(() => renderSent(store));
  $("invitations").replaceChildren(...items.map((each) => el("li", { dataset: { invitation: each.id } },
    el("span.grow.clip", { title: each.email }, each.email, el("em", {}, " (invited)")),
    el("span.role", {}, capital(each.role)),
    el("button.quiet.square", {
      type: "button", title: "Withdraw", "aria-label": `Withdraw the invitation to ${each.email}`,
      onclick: () => withdraw(each.id),
    }, icon("close")))));
}

export async function invite(store, email, role) {
  const made = await request("POST", `/v1/projects/${store.id}/invitations`, { body: { email, role } });
  toast(`We’ve emailed an invitation to ${made.email}.`);
  await renderSent(store);
}
