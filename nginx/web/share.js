/* The dialogs of a project: its settings (create, rename, move to trash) and its members. */
import { ask, confirm, toast, toastError } from "./dialogs.js";
import { capital } from "./card.js";
import { $, avatar, busy, clearComplaints, el, icon, quote } from "./dom.js";
import { invite, renderSent } from "./invitations.js";
import { session } from "./session.js";
import { clearLinks, openLinks } from "./sharelinks.js";
import { ROLES } from "./store.js";
import { isTyped, valuesOf, watch } from "./typed.js";

let editing = null; /* the id of the project in the form; null for a new one */

/*
 * Opens the form for a new project (null) or an existing one; calls done(project) after creating one.
 * typed: unsaved input from projectDraft() to restore.
 */
export function editProject(workspace, project, done, typed = {}) {
  const dialog = $("project-dialog");
  const form = $("project-form");
  const { name, description } = form.elements;
  editing = project?.id ?? null;
  clearComplaints(form);
  $("project-dialog-title").textContent = project ? "Project" : "New project";
  form.querySelector("button[type=submit]").textContent = project ? "Save" : "Create";
  $("project-trash").hidden = !project || project.inbox || !workspace.store?.isOwner;
  name.value = project?.name ?? "";
  description.value = project?.description ?? "";
  watch(form);
  for (const [key, value] of Object.entries(typed)) form.elements[key].value = value;
  let base = project;
  form.onsubmit = (e) => {
    e.preventDefault();
    busy(form, async () => {
      const fields = { name: name.value.trim(), description: description.value };
      for (const key of Object.keys(fields)) if (project && fields[key] === valueIn(project, key)) delete fields[key];
      const saved = await save(workspace, base, fields).catch((error) => {
        base = error.current ?? base;
        throw error;
      });
      dialog.close("");
      if (!project) done(saved);
    });
  };
  $("project-duplicate").hidden = !project;
  $("project-duplicate").onclick = () => { dialog.close(""); duplicate(workspace, project).catch(toastError); };
  $("project-trash").onclick = () => { dialog.close(""); trash(workspace, project).catch(toastError); };
  ask(dialog);
  name.focus();
  name.select();
}

/* A project's value as a form returns it. */
const valueIn = (project, key) => (project[key] ?? "").replace(/\r\n?/g, "\n");

/* Saves the project.  If someone else changed the same field, the error shows their value, and saving again replaces it. */
async function save(workspace, project, fields) {
  if (!project) return workspace.createProject(fields);
  if (!Object.keys(fields).length) return project;
  try {
    return await workspace.changeProject(project, fields);
  } catch (error) {
    if (error.status !== 412 || !error.current) throw error;
    const theirs = Object.keys(fields).map((key) => quote(error.current[key] || "—")).join(", ");
    throw Object.assign(error, { message: `Someone changed this to ${theirs} while you were editing. Save again to replace it with yours.` });
  }
}

/* The unsaved input of the open project form, {id, typed}; null if there is none. */
export const projectDraft = () => (isTyped($("project-form")) ? { id: editing, typed: valuesOf($("project-form")) } : null);

/* A large project is filled little by little, which the header shows (app.js). */
async function duplicate(workspace, project) {
  const copy = await workspace.duplicateProject(project, `${project.name.slice(0, 190)} (copy)`);
  toast(`${quote(copy.name)} was created.`, { label: "Open", run: () => { location.hash = `#/p/${copy.id}`; } });
}

async function trash(workspace, project) {
  const sure = await confirm(`Move ${quote(project.name)} to the trash?`, "Its tasks move with it, for all members.", "Move to trash");
  if (!sure) return;
  await workspace.trashProject(project.id);
  toast(`${quote(project.name)} is in the trash.`, { label: "Undo", run: () => workspace.restoreProject(project.id) });
}

export function openShare(workspace) {
  const form = $("share-form");
  clearComplaints(form);
  form.reset();
  const mine = workspace.store.role;
  form.elements.role.replaceChildren(...ROLES.filter((r) => r !== "owner" || mine === "owner")
    .map((r) => el("option", { value: r, selected: r === "member" }, capital(r))));
  form.hidden = !workspace.store.mayAdmin;
  watch(form);
  form.onsubmit = (e) => {
    e.preventDefault();
    busy(form, async () => {
      await invite(workspace.store, form.elements.email.value.trim(), form.elements.role.value);
      form.elements.email.value = "";
      watch(form);
      form.elements.email.focus();
    });
  };
  $("invitations").replaceChildren();
  renderSent(workspace.store);
  openLinks(workspace.store);
  renderMembers(workspace);
  ask($("share-dialog"));
}

/* Draws the members; also called after changes, to keep the open dialog current. */
export function renderMembers(workspace) {
  const { store } = workspace;
  if (!store) {
    $("share-dialog").close("");
    return;
  }
  $("share-title").textContent = `Share ${quote(store.project.name)}`;
  const members = [...store.members.values()].sort((a, b) => ROLES.indexOf(a.role) - ROLES.indexOf(b.role) || a.name.localeCompare(b.name));
  const look = JSON.stringify([members, store.role]);
  if ($("members").dataset.look === look) return;
  $("members").dataset.look = look;
  $("members").replaceChildren(...members.map((m) => memberRow(workspace, m)));
}

/* Asks before leaving, because users cannot undo it themselves. */
async function leave(workspace) {
  const { id, project } = workspace.store;
  const text = project.access === "everyone" ? "You can join again as long as the project is open to everyone."
    : "You’ll lose access to its tasks. To come back, you’ll need a new invitation.";
  if (!(await confirm(`Leave ${quote(project.name)}?`, text, "Leave"))) return;
  if (workspace.store?.id === id) await workspace.removeMember(session.user.id);
}

/* Removes all project data from the dialogs. */
export function clearShare() {
  $("members").replaceChildren();
  delete $("members").dataset.look;
  $("share-title").textContent = "Share";
  clearLinks();
}

function memberRow(workspace, member) {
  const { store } = workspace;
  const self = member.userId === session.user.id;
  const mayChange = store.mayAdmin && (member.role !== "owner" || store.isOwner);
  const failed = (error) => {
    $("members").dataset.look = "";
    renderMembers(workspace);
    toastError(error, { conflict: "A project must keep at least one owner." });
  };
  const role = mayChange
    ? el("select", {
      "aria-label": `Role of ${member.name}`,
      onchange: (e) => workspace.setRole(member.userId, e.target.value).catch(failed),
    }, ROLES.filter((r) => r !== "owner" || store.isOwner).map((r) => el("option", { value: r, selected: r === member.role }, capital(r))))
    : el("span.role", {}, capital(member.role));
  const remove = mayChange || self
    ? el("button.quiet.square", {
      type: "button", title: self ? "Leave" : "Remove", "aria-label": self ? "Leave this project" : `Remove ${member.name}`,
      onclick: () => (self ? leave(workspace) : workspace.removeMember(member.userId)).catch(failed),
    }, icon("close")) : null;
  return el("li", { dataset: { member: member.userId } }, avatar(member.userId, member.name),
    el("span.grow.clip", {}, el("bdi", {}, member.name), self ? el("em", {}, " (you)") : null), role, remove);
}
