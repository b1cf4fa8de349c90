/* The share dialog's list of share links: create with an optional password and last day, copy, delete. */
import { everything, request } from "./api.js";
import { endOf, momentText } from "./dates.js";
import { toast, toastError } from "./dialogs.js";
import { $, busy, clearComplaints, el, icon } from "./dom.js";
import { watch } from "./typed.js";

let generation = 0;

const pathOf = (store) => `/v1/projects/${store.id}/links`;

/* Prepares the form for the open project; it is hidden for those who may not make links. */
export function openLinks(store) {
  const form = $("link-form");
  clearLinks();
  clearComplaints(form);
  form.reset();
  watch(form);
  form.onsubmit = (e) => {
    e.preventDefault();
    busy(form, () => create(store, form), { aliases: { expiresAt: "until" } });
  };
  $("link-copy").onclick = copy;
  renderLinks(store);
}

/* Draws the project's links; also called after changes, to keep the open dialog current. */
export async function renderLinks(store) {
  const mine = ++generation;
  const shown = store.mayAdmin && !store.project.inbox;
  const items = shown ? await everything(`${pathOf(store)}?limit=200`).catch(() => []) : [];
  if (mine !== generation) return;
  $("links").hidden = !shown;
  $("link-list").replaceChildren(...items.map((link) => row(store, link)));
}

/* Removes all data of the project, and the link that was made last, from the dialog. */
export function clearLinks() {
  generation++;
  $("links").hidden = true;
  $("link-list").replaceChildren();
  $("link-made").hidden = true;
  $("link-url").value = "";
}

async function create(store, form) {
  const { password, until } = form.elements;
  const body = {};
  if (password.value) body.password = password.value;
  if (until.value) body.expiresAt = new Date(endOf(until.value)).toISOString();
  const made = await request("POST", pathOf(store), { body });
  form.reset();
  watch(form);
  $("link-url").value = `${location.origin}/#/l/${made.token}`;
  $("link-made").hidden = false;
  $("link-url").select();
  await renderLinks(store);
}

async function copy() {
  $("link-url").select();
  try {
    await navigator.clipboard.writeText($("link-url").value);
    toast("The link was copied.");
  } catch {
    toast("Copy the selected link.");
  }
}

/* What tells a link from the others: when it was made, whether it has a password, and its end. */
function wordsOf(link) {
  const over = link.expiresAt && Date.parse(link.expiresAt) <= Date.now();
  return [`Created ${momentText(link.createdAt)}`, link.name, link.hasPassword && "with a password",
    link.expiresAt && `${over ? "expired" : "until"} ${momentText(link.expiresAt)}`].filter(Boolean).join(", ");
}

function row(store, link) {
  const remove = () => request("DELETE", `${pathOf(store)}/${link.id}`)
    .then(() => { if (!$("link-made").hidden) { $("link-made").hidden = true; $("link-url").value = ""; } })
    .catch((error) => { if (error.status !== 404) toastError(error); })
    .then(() => renderLinks(store));
  const words = wordsOf(link);
  return el("li", { dataset: { link: link.id } }, el("span.grow.clip", { dir: "auto" }, words),
    el("button.quiet.square", { type: "button", title: "Delete", "aria-label": `Delete this link: ${words}`, onclick: remove }, icon("close")));
}
