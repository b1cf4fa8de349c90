/* The parts of a task's display that board and list share: labels, priority, due date, checklist, counters, assignees. */
import { avatar, el, icon, isolate } from "./dom.js";
import { dueLabel } from "./dates.js";

export const PRIORITIES = ["none", "low", "medium", "high", "urgent"];
export const priorityRank = (task) => PRIORITIES.indexOf(task.priority ?? "none");
export const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);

export const statusOf = (store, id) => store.project.statuses.find((s) => s.id === id);
export const isDone = (store, task) => statusOf(store, task.status)?.kind === "done";

export function labelChips(store, task) {
  const known = new Map((store.project.labels ?? []).map((l) => [l.id, l]));
  return (task.labelIds ?? []).map((id) => known.get(id)).filter(Boolean).map(labelChip);
}

export function labelChip(label) {
  const chip = el("span.label", { dir: "auto" }, label.name);
  tint(chip, label.colour);
  return chip;
}

/* Colours come from users, so only a plain hex colour may go into a style. */
export function tint(node, colour) {
  if (/^#[0-9a-f]{6}$/i.test(colour ?? "")) node.style.setProperty("--tint", colour);
}

/* A key for everything a card or row shows: it is redrawn only when the key changes.  The due date's text depends on the clock. */
export function lookOf(store, task, due) {
  const { done, total } = task.subtasks;
  return `${task.rev}.${store.looks}.${due?.text}.${due?.when}.${done}.${total}.${task.comments}.${task.attachments}`;
}

export function dueChip(store, task, due = dueLabel(task)) {
  if (!due) return null;
  const when = isDone(store, task) ? "later" : due.when;
  return el("span.due", { dataset: { when } }, icon("clock"), due.text);
}

export function priorityMark(task) {
  const name = task.priority ?? "none";
  if (name === "none") return null;
  const bars = Array.from({ length: 4 }, () => el("i"));
  return el("span.priority", { dataset: { level: priorityRank(task) }, title: `Priority: ${name}`, role: "img", "aria-label": `Priority: ${name}` }, bars);
}

export function checklistMark(task) {
  const items = task.checklist ?? [];
  if (!items.length) return null;
  const done = items.filter((i) => i.done).length;
  return el("span.progress", { dataset: { full: done === items.length }, title: "Checklist" }, icon("check"), `${done}/${items.length}`);
}

export function subtasksMark({ subtasks: { done, total } }) {
  if (!total) return null;
  return el("span.progress", { dataset: { full: done === total }, title: "Subtasks" }, icon("list"), `${done}/${total}`);
}

export function commentsMark({ comments }) {
  return comments ? el("span.progress", { title: comments === 1 ? "1 comment" : `${comments} comments` }, icon("comment"), String(comments)) : null;
}

export function filesMark({ attachments }) {
  return attachments ? el("span.progress", { title: attachments === 1 ? "1 file" : `${attachments} files` }, icon("file"), String(attachments)) : null;
}

/* The check box with which a card or row is selected; keys reach it through the card or row. */
export const selectBox = ({ title }) => el("input", { type: "checkbox", tabIndex: -1, "aria-label": `Select ${isolate(title)}` });

export function assigneeAvatars(store, task) {
  const people = (task.assigneeIds ?? []).map((id) => avatar(id, store.members.get(id)?.name ?? "Former member"));
  return people.length ? el("span.avatars", {}, people) : null;
}
