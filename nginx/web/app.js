/*
 * Starts the page: opens the session, connects the views to the workspace, redraws after changes, and follows the
 * address (places.js, or a link from an email).  The views know how things look, workspace.js holds the state.
 */
import "./composing.js";
import { clearAccount, openAccount, profileDraft, renderAccount, restoreProfile, setUpAccount } from "./account.js";
import { onStepUp, request } from "./api.js";
import { Board } from "./board.js";
import { isDone } from "./card.js";
import { Counts } from "./counts.js";
import { nextChange, setZone } from "./dates.js";
import { askPassword, mayDiscard, offerText, toast, toastError } from "./dialogs.js";
import { $, avatar, el, quote } from "./dom.js";
import { editFilter } from "./filterdialog.js";
import { SavedFilters } from "./filters.js";
import { hasNoFocus, keepFocusSomewhere } from "./focus.js";
import { fold } from "./fold.js";
import { setUpGate, showGate, showReset } from "./gate.js";
import { answerInvitationLink, invitationNote, noRoomNote, renderInvitations, renderSent, takeInvitation } from "./invitations.js";
import { confirmContact, takeEmailLink } from "./links.js";
import { List } from "./list.js";
import { Notices } from "./notices.js";
import { Overview } from "./overview.js";
import { Panel } from "./panel.js";
import { filterPlace, hashOf, placeOf } from "./places.js";
import { Selection } from "./selection.js";
import { SelectionBar } from "./selectionbar.js";
import { session } from "./session.js";
import { isShareLink, openShareLink } from "./shared.js";
import { clearShare, editProject, openShare, projectDraft, renderMembers } from "./share.js";
import { renderLinks } from "./sharelinks.js";
import { clearSide, renderCaughtUp, renderConnection, renderFilters, renderMe, renderProjects } from "./sidebar.js";
import { blocked, forget, recall, remember } from "./storage.js";
import { typedWithin } from "./typed.js";
import { offerUndo } from "./undo.js";
import { Workspace } from "./workspace.js";

const ACCOUNT = "#/account";
const PARTS = ["main", "overview", "notifications", "account"]; /* of the page, of which one is shown */
const LAST_PROJECT = "taskwire.project";
const VIEW = "taskwire.view";
const AVATARS_SHOWN = 4;
const HERE_SHOWN = 5;
const DRAW_MS = 16; /* changes within this time are drawn together */
const TICK_MS = 30_000; /* timers stop while the computer sleeps, so check the clock at least this often */
const EXAMPLES = [ /* of filters */
  ["assignee = me and due <= today+7d", "What I have to do within a week"],
  ["priority >= high and not done = true", "Urgent and not completed"],
  ["assignee = null and due = null", "Neither assigned nor dated"],
  ["title ~ \"offer\" and updated > now-24h", "Changed since yesterday, with a word in the title"],
];
const NARROW = matchMedia("(width < 800px)"); /* as in board.css: the list of projects is a drawer */

export const workspace = new Workspace();
const panel = new Panel(workspace, panelClosed);
const act = {
  open: (id) => { if (id) go({ project: workspace.store.id, task: id }); },
  create: (status) => { if (workspace.store?.mayWrite) panel.create(status); },
  move: (id, place) => move(id, place).catch((error) => { toastError(error); redraw(); }),
};
const selection = new Selection(redraw);
const board = new Board($("board"), act, selection);
const list = new List($("list"), act, selection);
const counts = new Counts(redraw);
const filters = new SavedFilters(redraw);
const overview = new Overview({
  workspace, counts, filters, selection,
  act: { changed: redraw, open: (task) => { if (task) go({ list: overview.shown, project: task.projectId, task: task.id }); } },
});
const selectionBar = new SelectionBar({
  workspace, selection, taskOf: (id) => (isShown("overview") ? overview.taskOf(id) : workspace.store?.tasks.get(id)), changed: tasksChanged,
});
const notices = new Notices({
  changed: redraw, read: () => counts.ask(), projectName: (id) => workspace.projects.get(id)?.name ?? "", open: (project, task) => go({ project, task }),
});
const flash = new Set();
let view = recall(VIEW) === "list" ? "list" : "board";
let drawing = 0;
let clock = 0;
let onTheWay = false; /* the panel closes because the address has changed */
let kept = null; /* when a session ends by itself: its user, the address and unsaved input, restored after the next login */

/* Moves a task; one that comes to another column can be taken back. */
async function move(id, place) {
  const { store } = workspace, before = store.tasks.get(id)?.status;
  const task = await workspace.moveTask(id, place);
  const words = `${quote(task.title)} was ${isDone(store, task) ? "completed" : "moved"}.`;
  if (task.status !== before) offerUndo(words, () => workspace.undo(task));
}

/* ---- the address ---- */

const isShown = (part) => !$(part).hidden;
const atAccount = () => isShown("account");

/* Where the user is, as in places.js, without the open task. */
function here() {
  if (isShown("overview") && overview.shown) return { list: overview.shown };
  return isShown("notifications") ? { page: "notifications" } : { project: workspace.store?.id };
}

/* Goes to a place; the panel's task, if any, is part of it. */
function go(place) {
  const hash = hashOf(place);
  if (location.hash !== hash) location.hash = hash;
  else route();
}

/* The user keeps editing the open task: the address is that of the task again. */
const stay = () => go({ ...here(), project: workspace.store?.id, task: panel.taskId });

/* Closes the panel because the user goes to another place; false: the user keeps editing. */
async function leaveTask() {
  onTheWay = true;
  const left = await panel.close();
  onTheWay = false;
  return left;
}

function show(part) {
  for (const each of PARTS) $(each).hidden = each !== part;
  if (part !== "overview") overview.close();
}

async function route() {
  if (!session.user) return undefined;
  if (location.hash === ACCOUNT) return routeToAccount();
  if (atAccount() && !(await mayDiscard($("account")))) return history.replaceState(null, "", ACCOUNT);
  const place = placeOf(location.hash);
  if (place.list || place.page) return routeToList(place);
  const { project, task } = place;
  const id = project ?? firstProject();
  if (!id) return undefined;
  setMenu(false);
  if (workspace.store?.id !== id && !(await leaveTask())) return stay();
  if (workspace.store?.id !== id || !isShown("main")) selection.end();
  show("main");
  if (workspace.store?.id !== id) {
    clearFilter();
    try {
      await workspace.open(id);
      remember(LAST_PROJECT, id);
    } catch (error) {
      return notOpened(id, error);
    }
  }
  await showTask({ project: id, task });
  redraw();
  return undefined;
}

async function routeToAccount() {
  if (atAccount()) return undefined;
  if (!(await leaveTask())) return stay();
  setMenu(false);
  show("account");
  redraw();
  return openAccount();
}

/* Shows a list across projects, or the notifications; a task of a list is opened beside it. */
async function routeToList({ list: name, page, project, task }) {
  if (panel.isOpen && (!task || project !== workspace.store?.id) && !(await leaveTask())) return stay();
  setMenu(false);
  if (name !== overview.shown) selection.end();
  show(name ? "overview" : page);
  if (name) overview.open(name).catch(toastError);
  else notices.open();
  if (task && workspace.store?.id !== project) {
    try {
      await workspace.open(project);
    } catch (error) {
      toastError(error, { "not-found": "This task no longer exists, or it isn’t shared with you." });
      return go({ list: name });
    }
  }
  if (name) await showTask({ list: name, project, task });
  redraw();
  return undefined;
}

/* The panel follows the address.  If the user chooses to keep editing, the address is set back to the open task. */
async function showTask({ list: name, project, task }) {
  const chosen = task && workspace.store?.tasks.get(task);
  if (chosen) await panel.edit(chosen);
  else if (panel.taskId) await leaveTask();
  const shown = panel.taskId;
  if (shown !== (task ?? null)) history.replaceState(null, "", hashOf({ list: name, project, task: shown }));
}

function notOpened(id, error) {
  toastError(error, { "not-found": "This project no longer exists, or it isn’t shared with you." });
  if (error.status !== 404) return;
  forget(LAST_PROJECT);
  if (firstProject() !== id) go({});
}

function firstProject() {
  const last = recall(LAST_PROJECT);
  if (workspace.projects.has(last)) return last;
  const all = [...workspace.projects.values()];
  return (all.find((p) => p.inbox) ?? all[0])?.id;
}

/* Returns the focus to the task's card or row.  `made`: the task if it was just created. */
function panelClosed(id, made) {
  if (onTheWay) redraw();
  else go(here());
  const shown = document.querySelector(`:is(#board, #list, #overview):not([hidden]) [data-task="${id}"]`);
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
  const place = atAccount() ? {} : here();
  renderProjects(workspace, counts.value, place);
  renderFilters(filters.all, place);
  if (atAccount()) $("me").setAttribute("aria-current", "page");
  else $("me").removeAttribute("aria-current");
  drawHeader(store);
  $("board").hidden = !store || view !== "board";
  $("list").hidden = !store || view !== "list";
  panel.refresh();
  const tasks = store && isShown("main") ? store.tasks.values() : [];
  clearTimeout(clock);
  clock = setTimeout(redraw, Math.min(TICK_MS, nextChange(tasks) - Date.now() + 1));
  if (store && isShown("main")) drawTasks(store);
  if (isShown("overview")) overview.render(panel.taskId);
  if (isShown("notifications")) notices.render();
  selectionBar.render($(isShown("overview") ? "overview" : "main").querySelector(".head"));
  flash.clear();
  if ($("share-dialog").open) renderMembers(workspace);
}

function drawTasks(store) {
  const passes = visible();
  drawFilter(store, passes);
  (view === "board" ? board : list).render(store, passes, flash, panel.taskId);
}

function drawHeader(store) {
  $("project-name").textContent = store?.project.name ?? "";
  document.title = [titleOf(store), "Taskwire"].filter(Boolean).join(" · ");
  $("project-settings").hidden = !store?.mayAdmin;
  drawCopying(workspace.jobs.get(store?.id));
  $("share").hidden = !store || Boolean(store.project.inbox);
  $("new-task").disabled = !store?.mayWrite;
  $("select").hidden = !store?.mayWrite || selection.on;
  $("overview-select").hidden = selection.on;
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

function titleOf(store) {
  if (atAccount()) return "Your account";
  if (isShown("overview")) return overview.title;
  return isShown("notifications") ? "Notifications" : store?.project.name;
}

/* Something has changed many tasks. */
function tasksChanged() {
  overview.ask();
  counts.ask();
  if (workspace.store && workspace.connection.state !== "live") workspace.open(workspace.store.id).catch(() => {});
}

/* How far a job is that copies the tasks of another project into this one. */
function drawCopying(job) {
  const copying = job?.kind === "duplicate";
  $("copying").hidden = !copying;
  if (copying) $("copied").value = job.done / job.total;
}

/* ---- the search: always visible, says how much it hides, and is cleared when the project changes ---- */

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
  selection.end();
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
  for (const button of document.querySelectorAll(".menu")) button.setAttribute("aria-expanded", String(open));
  for (const part of PARTS) $(part).inert = open;
  if (open) (document.querySelector("#sidebar [aria-current]") ?? $("new-project")).focus();
  else if ($("sidebar").contains(document.activeElement)) document.querySelector("main:not([hidden]) .menu")?.focus();
}

function onKey(e) {
  const typing = e.target.closest?.("input, textarea, select, dialog");
  if (e.key === "Escape" && !document.querySelector("dialog[open]")) {
    e.preventDefault(); /* otherwise the same key press would close the dialog that it opens */
    if (e.target === $("search")) leaveSearch();
    else if (panel.isOpen) panel.close();
    else if (selection.on) selection.end();
    else if (atAccount() && !typing) go({ project: workspace.store?.id });
    else setMenu(false);
  }
  const search = isShown("main") ? $("search") : isShown("overview") ? $("filter-form").elements.filter : null;
  if (typing || e.ctrlKey || e.metaKey || e.altKey || !search) return;
  if (e.key === "n" && isShown("main")) act.create();
  else if (e.key === "/") search.focus();
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
  show("main");
  selection.end();
  selectionBar.clear();
  overview.clear();
  notices.clear();
  counts.clear();
  filters.clear();
  document.title = "Taskwire";
}

/* The user lost access to the open project: offers unsaved text for copying. */
function onLeft(name) {
  const typed = panel.typedText;
  panel.hide();
  if (typed) offerText("Your text was not saved", `You no longer have access to ${quote(name ?? "the project")}. Copy what you want to keep.`, typed);
  else if (name) toast(`${quote(name)} was deleted or is no longer shared with you.`);
  go(isShown("main") ? {} : here());
}

/* Whatever is shown may have changed while there was no connection. */
function reload() {
  counts.ask();
  filters.ask();
  overview.ask();
}

function setUp() {
  workspace.on("change", redraw);
  workspace.on("connection", renderConnection);
  workspace.on("caughtUp", (count) => { renderCaughtUp(count); reload(); });
  workspace.on("resync", reload);
  workspace.on("event", (event) => { for (const each of [counts, filters, overview, notices]) each.onEvent(event); });
  workspace.on("remote", (event) => { if (event.entity === "task") flash.add(event.entityId); });
  workspace.on("left", onLeft);
  workspace.on("invitations", (event) => {
    if (event.entity === "notification") renderInvitations(joined).catch(toastError);
    else if ($("share-dialog").open && workspace.store) renderSent(workspace.store).catch(toastError);
  });
  workspace.on("reminder", ({ title }) => toast(`Reminder: ${quote(title)}`));
  workspace.on("links", () => { if ($("share-dialog").open && workspace.store) renderLinks(workspace.store); });
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
  setUpLists();
  for (const button of document.querySelectorAll(".menu")) button.onclick = () => setMenu(true);
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

function setUpLists() {
  const form = $("filter-form"), text = () => form.elements.filter.value.trim();
  form.onsubmit = (e) => {
    e.preventDefault();
    if (overview.saved) overview.tryText(text()).catch(toastError);
    else go(filterPlace(text()));
  };
  $("filter-save").onclick = () => saveFilter(text()).catch(toastError);
  $("filter-settings").onclick = () => saveFilter(text()).catch(toastError);
  $("filter-examples").append(...EXAMPLES.map(([filter, meaning]) =>
    el("li", {}, el("a", { href: hashOf(filterPlace(filter)) }, filter), el("span", {}, meaning))));
  $("select").onclick = $("overview-select").onclick = () => selection.start();
}

/* Saves the filter that is shown under a name, or changes the saved one. */
async function saveFilter(text) {
  const { saved } = overview;
  const result = await editFilter(filters, saved ?? null, { filter: text, sort: overview.sort });
  if (result === "deleted") go(filterPlace(""));
  else if (result && result.id !== saved?.id) go({ list: `f/${result.id}` });
  else if (result) overview.reset();
}

const created = (project) => go({ project: project.id });

/* Opens the project that the user has just joined. */
async function joined(project) {
  await workspace.loadProjects();
  go({ project: project.id });
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
  reload();
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
  if (isShareLink()) return location.reload();
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

if (isShareLink()) {
  openShareLink();
} else if (blocked) {
  $("boot").textContent = "Your browser blocks cookies or storage for this site. Taskwire needs them to keep you logged in. Allow them, then reload this page.";
} else {
  setUp();
  arrive().catch(toastError);
}
