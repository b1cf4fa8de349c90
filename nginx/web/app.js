/*
 * Starts the page: opens the session, connects the views to the workspace, redraws after changes, and follows the
 * address (#/p/<project>/t/<task>, #/account, or a link from an email).  The views know how things look, workspace.js holds the state.
 */
import "./composing.js";
import { clearAccount, openAccount, profileDraft, renderAccount, restoreProfile, setUpAccount } from "./account.js";
import { onStepUp, request } from "./api.js";
import { Board } from "./board.js";
import { nextChange, setZone } from "./dates.js";
import { askPassword, mayDiscard, offerText, toast, toastError } from "./dialogs.js";
import { $, avatar, el, quote } from "./dom.js";
import { hasNoFocus, keepFocusSomewhere } from "./focus.js";
import { fold } from "./fold.js";
import { setUpGate, showGate, showReset } from "./gate.js";
import { answerInvitationLink, invitationNote, noRoomNote, renderInvitations, renderSent, takeInvitation } from "./invitations.js";
import { confirmContact, takeEmailLink } from "./links.js";
import { List } from "./list.js";
import { Panel } from "./panel.js";
import { session } from "./session.js";
import { clearShare, editProject, openShare, projectDraft, renderMembers } from "./share.js";
import { clearSide, renderCaughtUp, renderConnection, renderMe, renderProjects } from "./sidebar.js";
import { blocked, forget, recall, remember } from "./storage.js";
import { typedWithin } from "./typed.js";
import { Workspace } from "./workspace.js";

const ACCOUNT = "#/account";
const LAST_PROJECT = "taskwire.project";
const VIEW = "taskwire.view";
const AVATARS_SHOWN = 4;
const HERE_SHOWN = 5;
const DRAW_MS = 16; /* changes within this time are drawn together */
const TICK_MS = 30_000; /* timers stop while the computer sleeps, so check the clock at least this often */
const NARROW = matchMedia("(width < 800px)"); /* as in board.css: the list of projects is a drawer */

export const workspace = new Workspace();
const panel = new Panel(workspace, panelClosed);
const act = {
  open: (id) => { if (id) go(workspace.store.id, id); },
  create: (status) => { if (workspace.store?.mayWrite) panel.create(status); },
  move: (id, place) => workspace.moveTask(id, place).catch((error) => { toastError(error); redraw(); }),
};
const board = new Board($("board"), act);
const list = new List($("list"), act);
const flash = new Set();
let view = recall(VIEW) === "list" ? "list" : "board";
let drawing = 0;
let clock = 0;
let kept = null; /* when a session ends by itself: its user, the address and unsaved input, restored after the next login */

/* ---- the address ---- */

function address() {
  const [, project, task] = /^#\/p\/([0-9a-f]{24})(?:\/t\/([0-9a-f]{24}))?$/.exec(location.hash) ?? [];
  return { project, task };
}

function go(project, task) {
  const hash = project ? `#/p/${project}${task ? `/t/${task}` : ""}` : "#/";
  if (location.hash !== hash) location.hash = hash;
  else route();
}

const atAccount = () => !$("account").hidden;

/* Shows the account page instead of the project, or the other way round. */
function showAccount(yes) {
  $("account").hidden = !yes;
  $("main").hidden = yes;
}

async function route() {
  if (!session.user) return;
  if (location.hash === ACCOUNT) return routeToAccount();
  if (atAccount() && !(await mayDiscard($("account")))) return history.replaceState(null, "", ACCOUNT);
  showAccount(false);
  const { project, task } = address();
  const id = project ?? firstProject();
  if (!id) return;
  setMenu(false);
  if (workspace.store?.id !== id) {
    if (!(await panel.close())) return go(workspace.store.id, panel.taskId);
    clearFilter();
    try {
      await workspace.open(id);
      remember(LAST_PROJECT, id);
    } catch (error) {
      return notOpened(id, error);
    }
  }
  await showTask(id, task);
  redraw();
  return undefined;
}

async function routeToAccount() {
  if (atAccount()) return undefined;
  if (!(await panel.close())) return go(workspace.store.id, panel.taskId);
  setMenu(false);
  history.replaceState(null, "", ACCOUNT); /* closing the panel changed the address */
  showAccount(true);
  redraw();
  return openAccount();
}

/* The panel follows the address.  If the user chooses to keep editing, the address is set back to the open task. */
async function showTask(id, task) {
  const chosen = task && workspace.store?.tasks.get(task);
  if (chosen) await panel.edit(chosen);
  else if (panel.taskId) await panel.close();
  const shown = panel.taskId;
  if (shown !== (task ?? null)) history.replaceState(null, "", `#/p/${id}${shown ? `/t/${shown}` : ""}`);
}

function notOpened(id, error) {
  toastError(error, { "not-found": "This project no longer exists, or it isn’t shared with you." });
  if (error.status !== 404) return;
  forget(LAST_PROJECT);
  if (firstProject() !== id) go(null);
}

function firstProject() {
  const last = recall(LAST_PROJECT);
  if (workspace.projects.has(last)) return last;
  const all = [...workspace.projects.values()];
  return (all.find((p) => p.inbox) ?? all[0])?.id;
}

/* Returns the focus to the task's card or row.  `made`: the task if it was just created. */
function panelClosed(id, made) {
  go(workspace.store?.id);
  const shown = document.querySelector(`:is(#board, #list):not([hidden]) [data-task="${id}"]`);
  if (hasNoFocus()) shown?.focus({ preventScroll: true });
  if (made && workspace.store && !visible()(made)) {
    toast(`${quote(made.title)} was created, but the filter hides it.`, { label: "Show all", run: clearFilter });
  }
}

/* ---- drawing ---- */

function redraw() {
  drawing ||= setTimeout(() => { drawing = 0; draw(); }, DRAW_MS);
}

function draw() {
  if (!session.user) return;
  const { store } = workspace;
  renderProjects(workspace, atAccount() ? null : store?.id);
  if (atAccount()) $("me").setAttribute("aria-current", "page");
  else $("me").removeAttribute("aria-current");
  drawHeader(store);
  $("board").hidden = !store || view !== "board";
  $("list").hidden = !store || view !== "list";
  panel.refresh();
  if (store) drawTasks(store);
  flash.clear();
  if ($("share-dialog").open) renderMembers(workspace);
}

function drawTasks(store) {
  const passes = visible();
  drawFilter(store, passes);
  (view === "board" ? board : list).render(store, passes, flash, panel.taskId);
  clearTimeout(clock);
  clock = setTimeout(redraw, Math.min(TICK_MS, nextChange(store.tasks.values()) - Date.now() + 1));
}

function drawHeader(store) {
  $("project-name").textContent = store?.project.name ?? "";
  document.title = atAccount() ? "Your account · Taskwire" : store ? `${store.project.name} · Taskwire` : "Taskwire";
  $("project-settings").hidden = !store?.mayAdmin;
  $("share").hidden = !store || Boolean(store.project.inbox);
  $("new-task").disabled = !store?.mayWrite;
  $("view-board").setAttribute("aria-pressed", String(view === "board"));
  $("view-list").setAttribute("aria-pressed", String(view === "list"));
  const members = store ? [...store.members.values()] : [];
  const faces = members.slice(0, AVATARS_SHOWN).map((m) => avatar(m.userId, m.name));
  $("share-avatars").replaceChildren(...(members.length > 1 ? faces : []));
  const here = workspace.presence.filter((id) => id !== session.user.id && store?.members.has(id));
  const more = here.length - HERE_SHOWN;
  $("presence").replaceChildren(...here.slice(0, HERE_SHOWN).map((id) => avatar(id, store.members.get(id).name, `${store.members.get(id).name} is viewing this project`)),
    ...(more > 0 ? [el("span.more", {}, `+${more}`)] : []));
}

/* ---- the filter: always visible, says how much it hides, and is cleared when the project changes ---- */

function drawFilter(store, passes) {
  const words = $("search").value.trim();
  const mine = $("only-mine").checked;
  $("filter-bar").hidden = !words && !mine;
  if (!words && !mine) return;
  const tasks = store.all();
  const hidden = tasks.filter((task) => !passes(task)).length;
  const by = [words && `your search for ${quote(words)}`, mine && "“Mine”"].filter(Boolean).join(" and ");
  $("filter-text").textContent = `${hidden} of ${tasks.length} ${tasks.length === 1 ? "task is" : "tasks are"} hidden by ${by}.`;
}

function clearFilter() {
  $("search").value = "";
  $("only-mine").checked = false;
  redraw();
}

/* The folded text of each task, cached: folding thousands of tasks on every keystroke would be slow. */
const folded = new WeakMap();

function searchText(task, store, labels) {
  const known = folded.get(task);
  if (known?.looks === store.looks) return known.text;
  const people = (task.assigneeIds ?? []).map((id) => store.members.get(id)?.name);
  const tags = (task.labelIds ?? []).map((id) => labels.get(id));
  const text = fold([`#${task.number}`, task.title, task.description, ...people, ...tags].join("\n"));
  folded.set(task, { looks: store.looks, text });
  return text;
}

/* Returns a function that tells whether a task passes the search and the "Mine" filter. */
function visible() {
  const words = fold($("search").value).split(/\s+/).filter(Boolean);
  const mine = $("only-mine").checked;
  const { store } = workspace;
  const labels = new Map((store.project.labels ?? []).map((l) => [l.id, l.name]));
  return (task) => {
    if (mine && !task.assigneeIds?.includes(session.user.id)) return false;
    return words.every((word) => searchText(task, store, labels).includes(word));
  };
}

/* ---- wiring ---- */

function setView(name) {
  view = name;
  remember(VIEW, name);
  redraw();
}

/*
 * Opens or closes the drawer with the projects (on narrow screens).  What it covers is inert while it is open.  It only
 * slides when the user moves it: one that slid away as the window becomes narrow would take touches meant for cards.
 */
function setMenu(open) {
  const was = document.body.classList.contains("menu-open");
  if (open === was) return;
  document.body.classList.add("menu-moves");
  document.body.classList.toggle("menu-open", open);
  $("menu").setAttribute("aria-expanded", String(open));
  $("main").inert = $("account").inert = open;
  if (open) (document.querySelector("#projects [aria-current]") ?? $("new-project")).focus();
  else if ($("sidebar").contains(document.activeElement)) $("menu").focus();
}

function onKey(e) {
  const typing = e.target.closest?.("input, textarea, select, dialog");
  if (e.key === "Escape" && !document.querySelector("dialog[open]")) {
    e.preventDefault(); /* otherwise the same key press would close the dialog that it opens */
    if (e.target === $("search")) leaveSearch();
    else if (panel.isOpen) panel.close();
    else if (atAccount() && !typing) go(workspace.store?.id);
    else setMenu(false);
  }
  if (typing || e.ctrlKey || e.metaKey || e.altKey || !workspace.store || atAccount()) return;
  if (e.key === "n") act.create();
  else if (e.key === "/") $("search").focus();
  else return;
  e.preventDefault();
}

/* Escape clears the search and moves the focus to the first task. */
function leaveSearch() {
  $("search").value = "";
  redraw();
  (document.querySelector(":is(#board, #list):not([hidden]) [data-task]") ?? $("project-name")).focus({ preventScroll: true });
}

/* Removes everything about the user from the page.  If the session ended by itself, unsaved input is kept for the same user's next login. */
function onEnded(why, byUser) {
  kept = byUser || !session.lastUserId ? null
    : { userId: session.lastUserId, hash: location.hash, draft: panel.draft(), project: projectDraft(), profile: profileDraft() };
  workspace.stop();
  panel.hide();
  clearTimeout(clock);
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close("");
  setMenu(false);
  clearPage();
  history.replaceState(null, "", "#/");
  showGate(why);
}

function clearPage() {
  for (const part of ["project-name", "presence", "share-avatars", "filter-text", "toasts", "confirm-title", "confirm-text", "conflict-title"]) {
    $(part).replaceChildren();
  }
  $("conflict-table").tBodies[0].replaceChildren();
  for (const form of document.querySelectorAll("form")) form.reset();
  board.clear();
  list.clear();
  clearFilter();
  clearSide();
  clearShare();
  clearAccount();
  showAccount(false);
  document.title = "Taskwire";
}

/* The user lost access to the open project: offers unsaved text for copying. */
function onLeft(name) {
  const typed = panel.typedText;
  panel.hide();
  if (typed) offerText("Your text was not saved", `You no longer have access to ${quote(name ?? "the project")}. Copy what you want to keep.`, typed);
  else if (name) toast(`${quote(name)} was deleted or is no longer shared with you.`);
  go(null);
}

function setUp() {
  workspace.on("change", redraw);
  workspace.on("connection", renderConnection);
  workspace.on("caughtUp", renderCaughtUp);
  workspace.on("remote", (event) => { if (event.entity === "task") flash.add(event.entityId); });
  workspace.on("left", onLeft);
  workspace.on("invitations", (event) => {
    if (event.entity === "notification") renderInvitations(joined).catch(toastError);
    else if ($("share-dialog").open && workspace.store) renderSent(workspace.store).catch(toastError);
  });
  workspace.on("reminder", ({ title }) => toast(`Reminder: ${quote(title)}`));
  workspace.on("sessions", () => { if (atAccount()) renderAccount(); });
  session.on("user", (user) => setZone(user.timeZone));
  session.on("user", () => { if (!$("shell").hidden) { renderMe(); renderAccount(); } });
  session.on("token", (token) => workspace.renew(token));
  session.on("ended", ({ why, byUser }) => onEnded(why, byUser));
  onStepUp(() => askPassword(
    (body) => request("POST", "/v1/sessions/current/confirm", { body }), Boolean(session.user.totpEnabledAt)));
  setUpGate(enter, resume);
  setUpAccount();
  $("view-board").onclick = () => setView("board");
  $("view-list").onclick = () => setView("list");
  $("search").oninput = redraw;
  $("only-mine").onchange = redraw;
  $("filter-clear").onclick = () => { clearFilter(); $("search").focus(); };
  $("new-task").onclick = () => act.create();
  $("new-project").onclick = () => editProject(workspace, null, created);
  $("project-settings").onclick = () => editProject(workspace, workspace.store.project);
  $("share").onclick = () => openShare(workspace);
  $("menu").onclick = () => setMenu(true);
  $("scrim").onclick = () => setMenu(false);
  NARROW.addEventListener("change", () => { setMenu(false); document.body.classList.remove("menu-moves"); });
  $("logout").onclick = logOut;
  keepFocusSomewhere();
  document.addEventListener("keydown", onKey);
  document.addEventListener("visibilitychange", redraw); /* after sleep it may be another day */
  window.addEventListener("focus", redraw);
  window.addEventListener("beforeunload", (e) => { if ((session.user && panel.hasEdits) || typedWithin(document.body)) e.preventDefault(); });
  window.addEventListener("hashchange", () => arrive().catch(toastError));
}

const created = (project) => go(project.id);

/* Opens the project that the user has just joined. */
async function joined(project) {
  await workspace.loadProjects();
  go(project.id);
}

/* Asks about the invitation whose link was followed, if any, and draws the list of the others. */
async function showInvitations() {
  const project = await answerInvitationLink();
  if (project) await joined(project);
  await renderInvitations(joined);
}

async function logOut() {
  if (!(await panel.close()) || !(await mayDiscard($("account")))) return;
  let words;
  await session.token().catch(() => {});
  session.leave(); /* before the server ends it, so that the other tabs know that the user logged out */
  await request("DELETE", "/v1/sessions/current").catch((error) => {
    const over = error.message === "signed out" || error.status === 401;
    if (!over) words = "The server didn’t respond, so your session may still be open. Log in and out again to be sure.";
  });
  session.end(words, true);
}

/* Opens the workspace after a login; `words` are shown in a toast. */
async function enter(words) {
  $("gate").hidden = true;
  $("boot").hidden = true;
  $("shell").hidden = false;
  renderMe();
  renderConnection(workspace.connection);
  const back = kept?.userId === session.user.id ? kept : null;
  kept = null;
  if (back) history.replaceState(null, "", back.hash || "#/");
  await workspace.start();
  await route();
  if (back) restore(back);
  if (words) toast(words);
  const full = noRoomNote(workspace.projects);
  if (full) toast(full);
  showInvitations().catch(toastError);
}

/* Restores unsaved input of a session that ended by itself. */
function restore({ draft, project, profile }) {
  if (draft && workspace.store) panel.restore(draft);
  if (profile && atAccount()) restoreProfile(profile);
  if (project && (project.id === null || workspace.projects.has(project.id))) {
    editProject(workspace, workspace.projects.get(project.id) ?? null, created, project.typed);
  }
}

/* Continues this browser's session, or shows the login form.  If the server cannot be reached, keeps trying. */
async function resume(words) {
  while (session.exists()) {
    try {
      await session.refresh();
      await enter(words);
      return;
    } catch (error) {
      if (error.message === "signed out") break;
      $("boot").textContent = "The server can’t be reached. Trying again…";
      await new Promise((done) => setTimeout(done, 2000));
    }
  }
  const note = words ?? await invitationNote();
  if ($("gate").hidden || note) showGate(note);
}

/* Follows the address; a link from an email is handled first. */
async function arrive() {
  if (takeInvitation() && !$("shell").hidden) return showInvitations();
  const link = takeEmailLink();
  if (link?.page === "password-resets") return showReset(link.token);
  const words = link && await confirmContact(link.token);
  if ($("shell").hidden) return resume(words);
  if (!words) return route();
  session.setUser(await request("GET", "/v1/me"));
  await route();
  return toast(words);
}

if (blocked) {
  $("boot").textContent = "Your browser blocks cookies or storage for this site. Taskwire needs them to keep you logged in. Allow them, then reload this page.";
} else {
  setUp();
  arrive().catch(toastError);
}
