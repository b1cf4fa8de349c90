/*
 * How a task repeats, in the task form: plain choices that make a rule (RRULE).  A rule that they cannot express is
 * kept as it is, and shown as "Another rule".
 */
import { request } from "./api.js";
import { dueFields, dueInputs, dueLabel } from "./dates.js";
import { $, el } from "./dom.js";

const DAYS = { MO: "Monday", TU: "Tuesday", WE: "Wednesday", TH: "Thursday", FR: "Friday", SA: "Saturday", SU: "Sunday" };
const UNITS = { DAILY: "day", WEEKLY: "week", MONTHLY: "month", YEARLY: "year" };
const SHOWN = 5; /* next dates */
const PAUSE_MS = 250; /* after the last key press, until they are asked for */

const ruleOf = ({ freq, every, days, count, until }) => [
  `FREQ=${freq}`, every > 1 && `INTERVAL=${every}`, freq === "WEEKLY" && days.length && `BYDAY=${days.join(",")}`,
  count && `COUNT=${count}`, until && `UNTIL=${until.replaceAll("-", "")}`,
].filter(Boolean).join(";");

/* Rules are the same in any order of their parts. */
const sameRule = (a, b) => a.split(";").sort().join() === b.split(";").sort().join();

/* {freq, every, days, count, until}; null if the choices would make another rule. */
function choicesOf(rule) {
  const parts = Object.fromEntries(rule.split(";").map((part) => part.split("=")));
  const until = parts.UNTIL?.replace(/^(\d{4})(\d{2})(\d{2})$/, "$1-$2-$3") ?? "";
  const choices = { freq: parts.FREQ, every: Number(parts.INTERVAL ?? 1), days: parts.BYDAY?.split(",") ?? [], count: Number(parts.COUNT ?? 0), until };
  return UNITS[choices.freq] && sameRule(ruleOf(choices), rule) && choices.days.every((day) => DAYS[day]) ? choices : null;
}

const listed = (words) => new Intl.ListFormat("en").format(words);

function endOf({ count, until }) {
  if (count) return count === 1 ? ", once" : `, ${count} times`;
  return until ? `, until ${dueLabel({ dueDate: until }).text}` : "";
}

/* "Every 2 weeks on Monday and Friday, 5 times"; a rule that the choices cannot express is quoted. */
export function sentenceOf({ rule, basis }) {
  const choices = choicesOf(rule);
  const { freq, every, days } = choices ?? {};
  const often = choices && (every > 1 ? `Every ${every} ${UNITS[freq]}s` : `Every ${UNITS[freq]}`);
  const on = choices && days.length ? ` on ${listed(days.map((day) => DAYS[day]))}` : "";
  return `${choices ? often + on + endOf(choices) : `By the rule ${rule}`}${basis === "completion" ? ", counted from the day it is completed" : ""}`;
}

export class Repeat {
  #form;
  #custom = ""; /* the rule that the choices cannot express */
  #given = ""; /* the rule as it was set, whatever the order of its parts */
  #task = null; /* as it is stored; without an id if it is new */
  #shown = ""; /* the choices and the revision whose next dates are shown, or asked for */
  #asked = 0;
  #timer = 0;

  constructor(form) {
    this.#form = form;
    $("repeat-days").append(...Object.entries(DAYS).map(([day, name]) =>
      el("label.chip", {}, el("input", { type: "checkbox", name: "repeatDay", value: day, "aria-label": name }), name.slice(0, 3))));
    for (const part of [$("repeat-field"), form.elements.dueDate, form.elements.dueTime]) {
      for (const kind of ["input", "change"]) part.addEventListener(kind, () => this.#refresh());
    }
  }

  get #days() { return [...$("repeat-days").querySelectorAll("input")]; }

  /* {rule, basis}, or null. */
  get value() {
    const f = this.#form.elements;
    const basis = f.repeatCompletion.checked ? "completion" : "due";
    if (!f.repeat.value) return null;
    if (f.repeat.value === "custom") return { rule: this.#custom, basis };
    const days = this.#days.filter((input) => input.checked).map((input) => input.value);
    const count = f.repeatEnds.value === "count" ? Math.trunc(Number(f.repeatCount.value)) || 1 : 0;
    const until = f.repeatEnds.value === "until" ? f.repeatUntil.value : "";
    const rule = ruleOf({ freq: f.repeat.value, every: Math.trunc(Number(f.repeatEvery.value)) || 1, days, count, until });
    return { rule: sameRule(rule, this.#given) ? this.#given : rule, basis };
  }

  set value(value) {
    const f = this.#form.elements;
    const choices = value && choicesOf(value.rule);
    this.#custom = value && !choices ? value.rule : "";
    this.#given = value?.rule ?? "";
    f.repeat.querySelector("[value=custom]").hidden = !this.#custom;
    f.repeat.value = choices?.freq ?? (value ? "custom" : "");
    f.repeatEvery.value = choices?.every ?? 1;
    f.repeatEnds.value = choices?.count ? "count" : choices?.until ? "until" : "";
    f.repeatCount.value = choices?.count || 10;
    f.repeatUntil.value = choices?.until ?? "";
    for (const input of this.#days) input.checked = choices?.days.includes(input.value) ?? false;
    f.repeatCompletion.checked = value?.basis === "completion";
    this.#refresh();
  }

  /* Shows the choices that apply, and the rule as a sentence. */
  #refresh() {
    const { value } = this;
    const chosen = this.#form.elements.repeat.value;
    $("repeat-every").hidden = !UNITS[chosen];
    $("repeat-days").hidden = chosen !== "WEEKLY";
    const ends = this.#form.elements.repeatEnds.value;
    $("repeat-ends").hidden = !UNITS[chosen];
    $("repeat-count").hidden = ends !== "count";
    this.#form.elements.repeatUntil.hidden = ends !== "until";
    $("repeat-basis").hidden = !value;
    $("repeat-note").textContent = value ? `${sentenceOf(value)}.` : "";
    this.#showNext();
  }

  /* The form shows this task, as far as it has not been edited. */
  setTask(task) {
    this.#task = task;
    this.#refresh();
  }

  clear() {
    this.#task = null;
    this.value = null;
  }

  get #due() {
    const { dueDate, dueTime } = this.#form.elements;
    return { date: dueDate.value, time: dueDate.value ? dueTime.value : "" };
  }

  /* Has the task been saved with the rule and the due date that the form shows? */
  get #isSaved() {
    const { id, recurrence, completedAt } = this.#task ?? {}, { value } = this;
    const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
    return Boolean(id && recurrence && value && !completedAt) && sameRule(value.rule, recurrence.rule) && value.basis === recurrence.basis && same(this.#due, dueInputs(this.#task));
  }

  /* Shows the dates that follow by the rule in the form, and if it is saved the button that skips to the first of them. */
  #showNext() {
    const { value } = this, { date } = this.#due, choices = JSON.stringify([value, this.#due, this.#task?.id, this.#task?.rev]);
    if (choices === this.#shown) return;
    this.#shown = choices;
    const mine = ++this.#asked;
    clearTimeout(this.#timer);
    $("repeat-skip").hidden = true;
    $("repeat-next").textContent = value && !date ? "A task that repeats needs a due date." : "";
    if (value && date) this.#timer = setTimeout(() => this.#ask(mine), PAUSE_MS);
  }

  async #ask(mine) {
    const { date, time } = this.#due, given = { ...this.value, ...dueFields(date, time), limit: SHOWN };
    const query = new URLSearchParams(Object.entries(given).filter(([, each]) => each !== null));
    const [items, problem] = await request("GET", `/v1/${this.#task?.id ? `tasks/${this.#task.id}/` : ""}occurrences?${query}`)
      .then((list) => [list.items, null], (error) => [[], error]);
    if (mine !== this.#asked || (problem && problem.status !== 400)) return; /* other choices in the meantime; or no answer: it is only a preview */
    $("repeat-skip").hidden = !items.length || !this.#isSaved;
    $("repeat-next").textContent = items.length ? `Next: ${items.map((each) => dueLabel(each).text).join("; ")}` : problem ? "No date fits these choices." : "No further date.";
  }
}
