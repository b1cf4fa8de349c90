/*
 * Due dates: a day ("2026-11-30") or an instant (RFC 3339, UTC).  Both are shown and typed in the account's time
 * zone, which is also the one the API uses, whatever the browser's zone is.
 */
const DAY_MS = 86_400_000;
const pad = (n, width = 2) => String(n).padStart(width, "0");

let zone; /* undefined: the browser's own */
let formats = null; /* the zone's formatters, which are slow to create */
const walls = new Map(); /* instant -> local time in the zone, as if it were UTC */
const CACHED = 5000;

/* Sets the account's zone.  If the browser does not know the name, its own zone is used. */
export function setZone(name) {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    zone = name;
  } catch {
    zone = undefined;
  }
  formats = null;
  walls.clear();
}

function format(kind) {
  formats ??= {
    parts: new Intl.DateTimeFormat("en", { timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" }),
    clock: new Intl.DateTimeFormat(undefined, { timeZone: zone, hour: "2-digit", minute: "2-digit" }),
    moment: new Intl.DateTimeFormat(undefined, { timeZone: zone, dateStyle: "medium", timeStyle: "short" }),
    day: new Intl.DateTimeFormat(undefined, { timeZone: "UTC", day: "numeric", month: "short" }),
    dayOfYear: new Intl.DateTimeFormat(undefined, { timeZone: "UTC", day: "numeric", month: "short", year: "numeric" }),
  };
  return formats[kind];
}

/* Local time in the zone at an instant, given as the instant at which UTC shows the same time. */
function wall(ms) {
  let found = walls.get(ms);
  if (found === undefined) {
    const p = {};
    for (const { type, value } of format("parts").formatToParts(ms)) p[type] = Number(value);
    found = Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second);
    if (walls.size > CACHED) walls.clear();
    walls.set(ms, found);
  }
  return found;
}

const isoDay = (wallMs) => { const d = new Date(wallMs); return `${pad(d.getUTCFullYear(), 4)}-${pad(d.getUTCMonth() + 1)}-${pad(d.getUTCDate())}`; };

/* The day on which an instant falls. */
export const dayOf = (ms) => isoDay(wall(Math.floor(ms / 1000) * 1000));

/*
 * The instant of a local time in the zone.  When clocks go back and the time occurs twice, it is the first; when
 * they go forward and it is skipped, it is the moment after the gap.  So a day starts at its first instant even
 * where midnight is repeated or skipped.
 */
export const instantOf = (date, time = "00:00") => instantAt(Date.parse(`${date}T${time}Z`));

function instantAt(wanted) {
  const offsets = [wanted - DAY_MS, wanted + DAY_MS].map((ms) => wall(ms) - ms);
  const fitting = offsets.map((offset) => wanted - offset).filter((ms) => wall(ms) === wanted);
  return fitting.length ? Math.min(...fitting) : wanted - offsets[0];
}

/* The instant at which a day ends. */
export const endOf = (date) => instantAt(Date.parse(`${date}T00:00Z`) + DAY_MS);

/* The due time in milliseconds, for sorting and for comparing with now.  A task due on a day is due at its end. */
export function dueTime(task) {
  if (task.dueAt) return Date.parse(task.dueAt);
  if (task.dueDate) return endOf(task.dueDate) - 1;
  return Infinity;
}

/* {text, when}: when is "late", "soon" (today or tomorrow) or "later"; null without a due date. */
export function dueLabel(task, now = Date.now()) {
  if (!task.dueAt && !task.dueDate) return null;
  const today = dayOf(now);
  const day = task.dueAt ? dayOf(Date.parse(task.dueAt)) : task.dueDate;
  const days = Math.round((Date.parse(day) - Date.parse(today)) / DAY_MS);
  const near = { "-1": "Yesterday", 0: "Today", 1: "Tomorrow" }[days];
  const text = near ?? format(day.slice(0, 4) === today.slice(0, 4) ? "day" : "dayOfYear").format(Date.parse(day));
  const late = task.dueAt ? Date.parse(task.dueAt) < now : days < 0;
  return { text: task.dueAt ? `${text} ${clockText(task.dueAt)}` : text, when: late ? "late" : days <= 1 ? "soon" : "later" };
}

/* When the label of one of these tasks changes next: at a due time or at midnight. */
export function nextChange(tasks, now = Date.now()) {
  let next = endOf(dayOf(now));
  for (const task of tasks) {
    const due = task.dueAt ? Date.parse(task.dueAt) : Infinity;
    if (due >= now && due < next) next = due + 1;
  }
  return next;
}

export const clockText = (at) => format("clock").format(new Date(at));
export const momentText = (at) => format("moment").format(new Date(at));

/* Says which time zone is used if it differs from the browser's. */
export function zoneNote(now = new Date()) {
  const here = Date.UTC(now.getFullYear(), now.getMonth(), now.getDate(), now.getHours(), now.getMinutes());
  const same = Math.abs(wall(Math.floor(now.getTime() / 60_000) * 60_000) - here) < 60_000;
  return same ? "" : `Times are in your account’s time zone, ${(zone ?? "UTC").replaceAll("_", " ")}.`;
}

/* A task's due date as the values of the two inputs, and back.  No time means the whole day. */
export function dueInputs(task) {
  if (!task.dueAt) return { date: task.dueDate ?? "", time: "" };
  const shown = new Date(wall(Math.floor(Date.parse(task.dueAt) / 1000) * 1000));
  return { date: isoDay(shown.getTime()), time: `${pad(shown.getUTCHours())}:${pad(shown.getUTCMinutes())}` };
}

export function dueFields(date, time) {
  if (!date) return { dueDate: null, dueAt: null };
  if (!time) return { dueDate: date, dueAt: null };
  return { dueDate: null, dueAt: new Date(instantOf(date, time)).toISOString() };
}
