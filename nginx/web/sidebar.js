/* The sidebar with the list of projects and the user, and the connection state in the corner. */
import { clockText } from "./dates.js";
import { $, arrange, avatar, el, hue, icon } from "./dom.js";
import { session } from "./session.js";
import { tint } from "./card.js";

const CAUGHT_UP_MS = 6000;
const rows = new Map();

export function renderProjects(workspace, openId) {
  const projects = [...workspace.projects.values()].filter((p) => !p.archivedAt && !p.deletedAt)
    .sort((a, b) => (b.inbox ?? false) - (a.inbox ?? false) || a.name.localeCompare(b.name));
  for (const id of rows.keys()) if (!workspace.projects.has(id)) rows.delete(id);
  arrange($("projects"), projects.map((p) => row(p, p.id === openId)));
}

function row(project, open) {
  let li = rows.get(project.id);
  if (!li) {
    li = el("li", {}, el("a.project", { href: `#/p/${project.id}`, dataset: { project: project.id } }));
    rows.set(project.id, li);
  }
  const link = li.firstElementChild;
  const look = `${project.rev}.${project.name}`;
  if (link.dataset.look !== look) {
    link.dataset.look = look;
    const mark = project.inbox ? icon("inbox") : el("i.swatch", { dataset: { hue: hue(project.id) } });
    tint(mark, project.colour);
    link.replaceChildren(mark, el("span.clip", { dir: "auto" }, project.name));
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
  $("projects").replaceChildren();
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
