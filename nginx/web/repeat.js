/*
 * How a task repeats, in the task form: plain choices that make a rule (RRULE).  A rule that they cannot express is
 * kept as it is, and shown as "Another rule".
 */
import { request } from "./api.js";
import { dueLabel } from "./dates.js";
import { $, el } from "./dom.js";

const DAYS = { MO: "Monday", TU: "Tuesday", WE: "Wednesday", TH: "Thursday", FR: "Friday", SA: "Saturday", SU: "Sunday" };
const UNITS = { DAILY: "day", WEEKLY: "week", MONTHLY: "month", YEARLY: "year" };
const SHOWN = 3; /* next dates */

const ruleOf = ({ freq, every, days }) =>
  [`FREQ=${freq}`, every > 1 && `INTERVAL=${every}`, freq === "WEEKLY" && days.length && `BYDAY=${days.join(",")}`].filter(Boolean).join(";");

/* {freq, every, days}; null if the choices would make another rule. */
function choicesOf(rule) {
  const parts = Object.fromEntries(rule.split(";").map((part) => part.split("=")));
  const choices = { freq: parts.FREQ, every: Number(parts.INTERVAL ?? 1), days: parts.BYDAY?.split(",") ?? [] };
  return UNITS[choices.freq] && ruleOf(choices) === rule && choices.days.every((day) => DAYS[day]) ? choices : null;
}

const listed = (words) => new Intl.ListFormat("en").format(words);

/* "Every 2 weeks on Monday and Friday"; a rule that the choices cannot express is quoted. */
export function sentenceOf({ rule, basis }) {
  const choices = choicesOf(rule);
  const { freq, every, days } = choices ?? {};
  const often = choices && (every > 1 ? `Every ${every} ${UNITS[freq]}s` : `Every ${UNITS[freq]}`);
  const on = choices && days.length ? ` on ${listed(days.map((day) => DAYS[day]))}` : "";
  return `${choices ? often + on : `By the rule ${rule}`}${basis === "completion" ? ", counted from the day it is completed" : ""}`;
}

export class Repeat {
  #form;
  #custom = ""; /* the rule that the choices cannot express */
  #asked = 0;

  constructor(form) {
    this.#form = form;
    $("repeat-days").append(...Object.entries(DAYS).map(([day, name]) =>
      el("label.chip", {}, el("input", { type: "checkbox", name: "repeatDay", value: day, "aria-label": name }), name.slice(0, 3))));
    for (const kind of ["input", "change"]) $("repeat-field").addEventListener(kind, () => this.#refresh());
  }

  get #days() { return [...$("repeat-days").querySelectorAll("input")]; }

  /* {rule, basis}, or null. */
  get value() {
    const f = this.#form.elements;
    const basis = f.repeatCompletion.checked ? "completion" : "due";
    if (!f.repeat.value) return null;
    if (f.repeat.value === "custom") return { rule: this.#custom, basis };
    const days = this.#days.filter((input) => input.checked).map((input) => input.value);
    return { rule: ruleOf({ freq: f.repeat.value, every: Math.trunc(Number(f.repeatEvery.value)) || 1, days }), basis };
  }

  set value(value) {
    const f = this.#form.elements;
    const choices = value && choicesOf(value.rule);
    this.#custom = value && !choices ? value.rule : "";
    f.repeat.querySelector("[value=custom]").hidden = !this.#custom;
    f.repeat.value = choices?.freq ?? (value ? "custom" : "");
    f.repeatEvery.value = choices?.every ?? 1;
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
    $("repeat-basis").hidden = !value;
    $("repeat-note").textContent = value ? `${sentenceOf(value)}.` : "";
    $("repeat-next").textContent = "";
    this.#asked++;
  }

  /* Shows the next dates of a saved task. */
  async showNext(task) {
    const asked = ++this.#asked;
    $("repeat-next").textContent = "";
    if (!task.id || !task.recurrence) return;
    try {
      const { items } = await request("GET", `/v1/tasks/${task.id}/occurrences?limit=${SHOWN}`);
      if (asked !== this.#asked) return; /* another task, or another rule */
      $("repeat-next").textContent = items.length ? `Next: ${items.map((date) => dueLabel(date).text).join(", ")}` : "No further date.";
    } catch { /* only a preview */ }
  }
}
