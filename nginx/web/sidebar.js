/* The sidebar with the lists across projects, the projects, the saved filters and the user, and the connection state in the corner. */
import { clockText } from "./dates.js";
import { $, arrange, avatar, el, hue, icon } from "./dom.js";
import { hashOf } from "./places.js";
import { session } from "./session.js";
import { tint } from "./card.js";

const CAUGHT_UP_MS = 6000;
const rows = new Map();

const VIEWS = [["today", "Today", "today"], ["overdue", "Overdue", "clock"], ["upcoming", "Upcoming", "upcoming"], ["notifications", "Notifications", "bell"]];
const NUMBERS = { notifications: "unread" }; /* of GET /v1/counts, if not by the same name */

/* counts: as of GET /v1/counts, or null; open: what is shown: {project}, {list} or {page} as in places.js. */
export function renderProjects(workspace, counts, open) {
  const projects = [...workspace.projects.values()].filter((p) => !p.archivedAt && !p.deletedAt)
    .sort((a, b) => (b.inbox ?? false) - (a.inbox ?? false) || a.name.localeCompare(b.name));
  arrange($("projects"), projects.map((p) => row(p.id, {
    hash: hashOf({ project: p.id }), name: p.name, number: counts?.projects[p.id]?.open, open: p.id === open.project && !open.list,
    look: p.rev, mark: () => tinted(p.inbox ? icon("inbox") : el("i.swatch", { dataset: { hue: hue(p.id) } }), p.colour),
  })));
  arrange($("views"), VIEWS.map(([name, title, mark]) => row(name, {
    hash: `#/${name}`, name: title, number: counts?.[NUMBERS[name] ?? name], open: name === open.list || name === open.page, look: "", mark: () => icon(mark),
  })));
  for (const id of rows.keys()) if (!rows.get(id).isConnected) rows.delete(id);
}

export function renderFilters(filters, open) {
  arrange($("filters"), [...filters.values()].map((f) => row(f.id, {
    hash: hashOf({ list: `f/${f.id}` }), name: f.name, open: open.list === `f/${f.id}`, look: f.rev, mark: () => tinted(icon("filter"), f.colour),
  })));
  $("filters").hidden = !filters.size;
  if (open.list?.startsWith("filter/")) $("new-filter").setAttribute("aria-current", "page");
  else $("new-filter").removeAttribute("aria-current");
}

function tinted(mark, colour) {
  tint(mark, colour);
  return mark;
}

/* A line of the sidebar, which keeps its element; mark(): makes its icon; look: changes with the icon. */
function row(id, { hash, name, number, open, look, mark }) {
  let li = rows.get(id);
  if (!li) {
    li = el("li", {}, el("a.project", { href: hash, dataset: { row: id } }));
    rows.set(id, li);
  }
  const link = li.firstElementChild;
  const key = `${look}.${number}.${name}`;
  if (link.dataset.look !== key) {
    link.dataset.look = key;
    link.replaceChildren(mark(), el("span.clip", { dir: "auto" }, name), number ? el("span.tally", {}, String(number)) : "");
    link.setAttribute("aria-label", number ? `${name}, ${number}` : name);
  }
  if (open) link.setAttribute("aria-current", "page");
  else link.removeAttribute("aria-current");
  return li;
}

export function renderMe() {
  const { user } = session;
  $("me-avatar").replaceChildren(avatar(user.id, user.name));
  $("me").setAttribute("aria-label", `Your account, ${user.name}`);
  $("me-name").textContent = user.name;
  $("me-name").title = user.email;
}

/* Removes everything about the user from the sidebar. */
export function clearSide() {
  rows.clear();
  for (const part of ["projects", "views", "filters"]) $(part).replaceChildren();
  $("me-avatar").replaceChildren();
  $("me-name").textContent = $("me-name").title = "";
  $("me").removeAttribute("aria-label");
}

let note = 0;

/* {state: connecting, live, reconnecting or offline, since} */
export function renderConnection({ state, since }) {
  const text = {
    idle: "Not connected",
    connecting: "Connecting…",
    live: "Live",
    reconnecting: "Reconnecting…",
    offline: `Offline since ${since ? clockText(since) : "now"}`,
  }[state];
  clearTimeout(note);
  say(state, text);
}

export function renderCaughtUp(count) {
  say("live", count ? `Caught up on ${count} ${count === 1 ? "change" : "changes"}` : "Back online, no changes missed");
  clearTimeout(note);
  note = setTimeout(() => say("live", "Live"), CAUGHT_UP_MS);
}

function say(state, text) {
  const corner = $("connection");
  corner.dataset.state = state;
  corner.querySelector("span").textContent = text;
}
