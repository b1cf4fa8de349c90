/* Due dates: a day ("2026-11-30") or an instant (RFC 3339, UTC) as people read and type them. */

const pad = (n) => String(n).padStart(2, "0");
const dayOf = (d) => `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}`;

/* One number to sort by and compare with now: a day ends at its last moment, here. */
export function dueTime(task) {
  if (task.dueAt) return Date.parse(task.dueAt);
  if (task.dueDate) return new Date(`${task.dueDate}T23:59:59.999`).getTime();
  return Infinity;
}

/* {text, when}: when is "late", "soon" (today or tomorrow) or "later"; null without a due date. */
export function dueLabel(task, now = new Date()) {
  const time = dueTime(task);
  if (time === Infinity) return null;
  const due = new Date(time);
  const days = Math.round((new Date(dayOf(due)) - new Date(dayOf(now))) / 86_400_000);
  const near = { "-1": "Yesterday", 0: "Today", 1: "Tomorrow" }[days];
  const day = near ?? due.toLocaleDateString(undefined, {
    day: "numeric", month: "short", ...(due.getFullYear() === now.getFullYear() ? {} : { year: "numeric" }),
  });
  const clock = task.dueAt ? ` ${clockText(due)}` : "";
  return { text: day + clock, when: time < now ? "late" : days <= 1 ? "soon" : "later" };
}

export const clockText = (date) => date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });

/* The values of the two inputs for a task, and back: no time means a day. */
export function dueInputs(task) {
  if (!task.dueAt) return { date: task.dueDate ?? "", time: "" };
  const d = new Date(task.dueAt);
  return { date: dayOf(d), time: `${pad(d.getHours())}:${pad(d.getMinutes())}` };
}

export function dueFields(date, time) {
  if (!date) return { dueDate: null, dueAt: null };
  if (!time) return { dueDate: date, dueAt: null };
  return { dueDate: null, dueAt: new Date(`${date}T${time}`).toISOString() };
}
