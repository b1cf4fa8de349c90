/*
 * The page behind a share link, #/l/<token>: one project, read-only and live, for readers without an account.  The
 * token stays in the address, so that the page can be reloaded and bookmarked; a password is kept in memory only.
 */
import { everything, request } from "./api.js";
import { Board } from "./board.js";
import { assigneeAvatars, capital, dueChip, labelChips, statusOf } from "./card.js";
import { momentText } from "./dates.js";
import { ask, toastError } from "./dialogs.js";
import { $, arrange, avatar, busy, el, icon, isolate } from "./dom.js";
import { sizeText } from "./files.js";
import { Live } from "./live.js";
import { ProjectStore } from "./store.js";
import { download } from "./transfer.js";

const LINK = /^#\/l\/([\w-]{1,100})$/;
const EARLY_MS = 60_000; /* renew this long before the access token expires */
const AGAIN_MS = 5_000; /* until a snapshot that could not be loaded is asked for again */
const GONE = "This link doesn’t work. It may have expired, or someone has deleted it.";
const STATES = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting", offline: "Offline" };

export const isShareLink = () => LINK.test(location.hash);

/* Readers are viewers, also of a project that gives its users more. */
class ReadOnlyStore extends ProjectStore {
  get role() { return "viewer"; }
}

const link = { token: null, password: null, access: null, expiresAt: 0, project: null, timer: 0, renewal: null };
let live = null;
let board = null;
let store = null;
let early = []; /* events that arrive while the snapshot is loading */
let shown = null; /* id of the task in the dialog */
let asked = 0;
const flash = new Set();

/* ---- the session ---- */

async function open() {
  const body = { token: link.token, ...(link.password ? { password: link.password } : {}) };
  const opened = await request("POST", "/v1/links/sessions", { body, open: true });
  link.access = opened.accessToken;
  link.project = opened.projectId;
  link.expiresAt = Date.now() + opened.expiresIn * 1000;
  clearTimeout(link.timer);
  link.timer = setTimeout(() => session.refresh().catch(() => {}), Math.max(opened.expiresIn * 1000 - EARLY_MS, 1000));
  live?.renew(link.access);
}

/* What api.js and live.js ask for tokens. */
const session = {
  async token() {
    if (!link.access || Date.now() > link.expiresAt - 1000) await session.refresh();
    return link.access;
  },
  /* If the link has ended or has another password, shows that instead of the project. */
  async refresh() {
    link.renewal ??= open().finally(() => { link.renewal = null; });
    try {
      await link.renewal;
    } catch (error) {
      if (error.status === 404 || error.slug === "bad-credentials") end(error);
      throw error;
    }
  },
};

const read = (path) => request("GET", path, { session });

function end(error) {
  clearTimeout(link.timer);
  live?.stop();
  live = store = early = shown = null; /* what is still being loaded is dropped */
  link.access = null;
  board?.clear();
  if ($("shared-task").open) $("shared-task").close();
  $("shared").hidden = true;
  if (error.status === 404) tell(GONE);
  else askForPassword();
}

/* ---- the project ---- */

async function load() {
  const mine = early = [];
  const snapshot = await read(`/v1/projects/${link.project}/snapshot`);
  if (early !== mine) return snapshot.cursor; /* a newer one is being loaded */
  store = new ReadOnlyStore(snapshot, null);
  for (const event of early) apply(event);
  early = null;
  draw();
  return snapshot.cursor;
}

function apply(event) {
  const counted = store.count(event);
  const whole = store.complete(event);
  if (!whole) return reload();
  if (event.entity === "task") flash.add(event.entityId);
  return store.apply(whole) || counted;
}

/* Starts again from a snapshot: after a resync, or an event whose document is too large to be sent. */
function reload() {
  load().catch(() => { if (store) setTimeout(reload, AGAIN_MS); });
  return false;
}

function receive(event) {
  if (["attachment", "comment"].includes(event.entity)) loadMore();
  if (early) return early.push(event);
  return apply(event) && draw();
}

function draw() {
  $("shared-name").textContent = store.project.name;
  document.title = `${store.project.name} – Taskwire`;
  board.render(store, () => true, flash, shown);
  flash.clear();
  drawTask();
}

function connect(cursor) {
  live = new Live({
    url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/live`,
    token: session.token,
    refused: () => session.refresh().catch(() => {}),
    onState: ({ state }) => {
      $("shared-state").dataset.state = state;
      $("shared-state").lastElementChild.textContent = STATES[state] ?? "";
    },
    onEvent: receive,
    onResync: reload,
    onCaughtUp: loadMore,
    onLeft: () => end({ status: 404 }), /* the project is in the trash */
  });
  live.follow(`project:${link.project}`, cursor);
  live.start();
}

async function show() {
  await session.token();
  $("boot").hidden = $("shared-lock").hidden = true;
  $("shared").hidden = false;
  board ??= new Board($("shared-board"), { open: showTask, create() {}, async move() {} });
  const cursor = await load();
  if (store) connect(cursor); /* otherwise the link has ended in the meantime */
}

/* ---- one task ---- */

function showTask(id) {
  if (!store?.tasks.has(id)) return;
  shown = id;
  for (const list of ["files", "comments"]) $(`shared-task-${list}`).replaceChildren();
  drawTask();
  ask($("shared-task")).then(() => { shown = null; });
  loadMore();
}

/* Draws the open task as it is now; one that is gone is closed. */
function drawTask() {
  if (!shown) return;
  const task = store.tasks.get(shown);
  if (!task) return $("shared-task").close();
  $("shared-task-title").textContent = task.title;
  $("shared-task-facts").replaceChildren(...[el("span", {}, statusOf(store, task.status)?.name ?? ""), task.priority === "none" ? null : el("span", {}, capital(task.priority)),
    dueChip(store, task), ...labelChips(store, task), assigneeAvatars(store, task)].filter(Boolean));
  $("shared-task-text").textContent = task.description;
  $("shared-task-list").replaceChildren(...(task.checklist ?? []).map(({ done, text }) =>
    el("li", { dir: "auto" }, el("input", { type: "checkbox", checked: done, disabled: true, "aria-label": text }), el("span", { "aria-hidden": "true" }, text))));
  return undefined;
}

/* Loads the files and comments of the open task. */
async function loadMore() {
  if (!shown) return;
  const mine = ++asked, path = `/v1/tasks/${shown}`;
  const [files, comments] = await Promise.all(["attachments", "comments"].map((list) => everything(`${path}/${list}?limit=200`, { session })))
    .catch(() => []); /* what ended the session says so; a task that is gone is closed by its event */
  if (mine !== asked || !files || !store) return;
  arrange($("shared-task-files"), files.map(fileRow));
  showComments(comments);
}

/* Rows are kept, because one of their buttons may have the focus. */
function fileRow(file) {
  const known = $("shared-task-files").querySelector(`[data-id="${file.id}"]`);
  if (known?.dataset.rev === String(file.rev)) return known;
  return el("li.file", { dataset: { id: file.id, rev: file.rev } }, el("span.grow.clip", { dir: "auto", title: file.name }, file.name),
    el("span.meta", {}, sizeText(file.size)),
    el("button.quiet.square", { type: "button", "aria-label": `Download ${isolate(file.name)}`, title: "Download", onclick: () => download(file, session).catch(toastError) }, icon("download")));
}

function showComments(comments) {
  $("shared-task-comments").replaceChildren(...comments.filter((c) => !c.deletedAt).map((c) => {
    const name = store?.members.get(c.createdBy)?.name ?? "Former member";
    return el("li", {}, avatar(c.createdBy, name), el("div", {},
      el("p.meta", {}, el("bdi", {}, name), " ", momentText(c.createdAt)), el("p.plain", { dir: "auto" }, c.text)));
  }));
}

/* ---- before and after ---- */

function tell(text) {
  $("boot").hidden = false;
  $("boot").textContent = text;
}

function askForPassword() {
  const form = $("shared-lock-form");
  $("boot").hidden = true;
  $("shared-lock").hidden = false;
  form.reset();
  form.onsubmit = (e) => {
    e.preventDefault();
    link.password = form.elements.password.value;
    busy(form, async () => {
      try {
        await open();
      } catch (error) {
        if (error.status === 404) end(error);
        else throw error;
      }
      if (link.access) await show();
    }, { texts: { "bad-credentials": "That’s not the password of this link." } });
  };
  form.elements.password.focus();
}

/* Opens the link in the address; the rest of the page is not started. */
export function openShareLink() {
  [, link.token] = LINK.exec(location.hash);
  window.addEventListener("hashchange", () => location.reload());
  show().catch((error) => { if (!$("boot").hidden && error.status !== 404) tell(error.message); });
}
