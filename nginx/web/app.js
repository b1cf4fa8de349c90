/*
 * The page: opens the session, wires views to the workspace, draws after changes, and follows the
 * address (#/p/<project>/t/<task>, #/account, or a letter's link).  What is shown and how lives in the views; what is true in workspace.js.
 */
import { openAccount, renderAccount, setUpAccount } from "./account.js";
import { request } from "./api.js";
import { Board } from "./board.js";
import { toast, toastError } from "./dialogs.js";
import { $, avatar } from "./dom.js";
import { setUpGate, showGate, showReset } from "./gate.js";
import { confirmContact, takeLetter } from "./letters.js";
import { List } from "./list.js";
import { Panel } from "./panel.js";
import { session } from "./session.js";
import { editProject, openShare, renderMembers } from "./share.js";
import { renderCaughtUp, renderConnection, renderMe, renderProjects } from "./sidebar.js";
import { Workspace } from "./workspace.js";

const ACCOUNT = "#/account";
const LAST_PROJECT = "taskwire.project";
const VIEW = "taskwire.view";
const AVATARS_SHOWN = 4;
const DRAW_MS = 16; /* changes that come together are drawn together */

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
let view = localStorage.getItem(VIEW) === "list" ? "list" : "board";
let drawing = 0;

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

/* The account's page stands where the project does. */
function showAccount(yes) {
  $("account").hidden = !yes;
  $("main").hidden = yes;
}

async function route() {
  if (!session.user) return;
  if (location.hash === ACCOUNT) return routeToAccount();
  showAccount(false);
  const { project, task } = address();
  const id = project ?? firstProject();
  if (!id) return;
  document.body.classList.remove("menu-open");
  if (workspace.store?.id !== id) {
    if (!(await panel.close())) return go(workspace.store.id, panel.taskId);
    try {
      await workspace.open(id);
      localStorage.setItem(LAST_PROJECT, id);
    } catch (error) {
      return notOpened(id, error);
    }
  }
  await showTask(id, task);
  redraw();
  return undefined;
}

async function routeToAccount() {
  if (!(await panel.close())) return go(workspace.store.id, panel.taskId);
  document.body.classList.remove("menu-open");
  history.replaceState(null, "", ACCOUNT); /* closing the panel has led elsewhere */
  showAccount(true);
  redraw();
  return openAccount();
}

/* The panel follows the address, unless the user would not leave what is in it: then the address goes back. */
async function showTask(id, task) {
  const chosen = task && workspace.store?.tasks.get(task);
  if (chosen) await panel.edit(chosen);
  else if (panel.taskId) await panel.close();
  const shown = panel.taskId;
  if (shown !== (task ?? null)) history.replaceState(null, "", `#/p/${id}${shown ? `/t/${shown}` : ""}`);
}

function notOpened(id, error) {
  toastError(error.status === 404 ? new Error("This project is gone, or not shared with you.") : error);
  if (error.status !== 404) return;
  localStorage.removeItem(LAST_PROJECT);
  if (firstProject() !== id) go(null);
}

function firstProject() {
  const last = localStorage.getItem(LAST_PROJECT);
  if (workspace.projects.has(last)) return last;
  const all = [...workspace.projects.values()];
  return (all.find((p) => p.inbox) ?? all[0])?.id;
}

/* The keyboard goes on where it came from: at the task's card or row. */
function panelClosed(id) {
  go(workspace.store?.id);
  const shown = document.querySelector(`:is(#board, #list):not([hidden]) [data-task="${id}"]`);
  if (document.activeElement === document.body) shown?.focus({ preventScroll: true });
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
  if (store) (view === "board" ? board : list).render(store, visible(), flash, panel.taskId);
  flash.clear();
  if ($("share-dialog").open) renderMembers(workspace);
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
  $("presence").replaceChildren(...here.map((id) => avatar(id, `${store.members.get(id).name} is here`)));
}

/* A test for tasks that pass the search and the "mine" box. */
function visible() {
  const words = $("search").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const mine = $("only-mine").checked;
  const { store } = workspace;
  const labels = new Map((store.project.labels ?? []).map((l) => [l.id, l.name]));
  return (task) => {
    if (mine && !task.assigneeIds?.includes(session.user.id)) return false;
    if (!words.length) return true;
    const people = (task.assigneeIds ?? []).map((id) => store.members.get(id)?.name);
    const tags = (task.labelIds ?? []).map((id) => labels.get(id));
    const text = [`#${task.number}`, task.title, task.description, ...people, ...tags].join("\n").toLowerCase();
    return words.every((word) => text.includes(word));
  };
}

/* ---- wiring ---- */

function setView(name) {
  view = name;
  localStorage.setItem(VIEW, name);
  redraw();
}

function toggleMenu() {
  const open = document.body.classList.toggle("menu-open");
  $("menu").setAttribute("aria-expanded", String(open));
}

function onKey(e) {
  const typing = e.target.closest?.("input, textarea, select, dialog");
  if (e.key === "Escape" && !document.querySelector("dialog[open]")) {
    e.preventDefault(); /* else the same key would close the question that it opens */
    if (e.target === $("search")) { $("search").value = ""; $("search").blur(); redraw(); }
    else if (panel.isOpen) panel.close();
    else if (atAccount() && !typing) go(workspace.store?.id);
    else document.body.classList.remove("menu-open");
  }
  if (typing || e.ctrlKey || e.metaKey || e.altKey || !workspace.store || atAccount()) return;
  if (e.key === "n") act.create();
  else if (e.key === "/") $("search").focus();
  else return;
  e.preventDefault();
}

function setUp() {
  workspace.on("change", redraw);
  workspace.on("connection", renderConnection);
  workspace.on("caughtUp", renderCaughtUp);
  workspace.on("remote", (event) => { if (event.entity === "task") flash.add(event.entityId); });
  workspace.on("left", (name) => { if (name) toast(`“${name}” is gone, or no longer shared with you.`); go(null); });
  workspace.on("sessions", () => { if (atAccount()) renderAccount(); });
  session.on("user", () => { if (!$("shell").hidden) { renderMe(); renderAccount(); } });
  session.on("token", (token) => workspace.renew(token));
  session.on("ended", (why) => { workspace.stop(); panel.hide(); history.replaceState(null, "", "#/"); showGate(why); });
  setUpGate(enter, resume);
  setUpAccount();
  $("view-board").onclick = () => setView("board");
  $("view-list").onclick = () => setView("list");
  $("search").oninput = redraw;
  $("only-mine").onchange = redraw;
  $("new-task").onclick = () => act.create();
  $("new-project").onclick = () => editProject(workspace, null, (p) => go(p.id));
  $("project-settings").onclick = () => editProject(workspace, workspace.store.project);
  $("share").onclick = () => openShare(workspace);
  $("menu").onclick = $("scrim").onclick = toggleMenu;
  $("logout").onclick = logOut;
  document.addEventListener("keydown", onKey);
  window.addEventListener("hashchange", () => arrive().catch(toastError));
}

async function logOut() {
  if (!(await panel.close())) return;
  let words;
  await session.token().catch(() => {});
  session.leave(); /* before the server ends it: so the other tabs hear it from here */
  await request("DELETE", "/v1/sessions/current").catch((error) => {
    const over = error.message === "signed out" || error.status === 401;
    if (!over) words = "The server has not ended your session, since it did not answer. Log in and out again to be sure.";
  });
  session.end(words);
}

/* From a good session to the board; `words` are said there. */
async function enter(words) {
  $("gate").hidden = true;
  $("boot").hidden = true;
  $("shell").hidden = false;
  renderMe();
  renderConnection(workspace.connection);
  await workspace.start();
  await route();
  if (words) toast(words);
}

/* With the session that this browser has, or to the gate.  A page opened while the server is away waits for it. */
async function resume(words) {
  while (session.exists()) {
    try {
      await session.refresh();
      await enter(words);
      return;
    } catch (error) {
      if (error.message === "signed out") break;
      $("boot").textContent = "The server cannot be reached. Trying again…";
      await new Promise((done) => setTimeout(done, 2000));
    }
  }
  if ($("gate").hidden || words) showGate(words);
}

/* Wherever the address leads: a letter's link first. */
async function arrive() {
  const letter = takeLetter();
  if (letter?.page === "password-resets") return showReset(letter.token);
  const words = letter && await confirmContact(letter.token);
  if ($("shell").hidden) return resume(words);
  if (!words) return route();
  session.setUser(await request("GET", "/v1/me"));
  await route();
  return toast(words);
}

setUp();
arrive().catch(toastError);
