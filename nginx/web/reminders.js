/*
 * When a task reminds, in the task form: one plain choice that makes the task's reminders.  Reminders that it cannot
 * express are kept as they are, and shown as "Other reminders".
 */
import { dueFields, dueInputs, momentText } from "./dates.js";
import { $, el } from "./dom.js";

const BEFORE = { PT0S: "At the due time", PT10M: "10 minutes before", PT1H: "1 hour before", P1D: "1 day before" };
const ID = "main"; /* of the one reminder that the choice makes */

/* An instant as the input shows it, and back. */
const shown = (at) => Object.values(dueInputs({ dueAt: at })).join("T");
const instant = (text) => dueFields(...text.split("T")).dueAt;

/* "10 minutes before", "1 day before and 2 Jan 2040, 09:00" */
export const remindersText = (list) => list.map(({ at, before }) => (at ? momentText(at) : BEFORE[before] ?? `${before} before`)).join(" and ") || "None";

export class Reminders {
  #form;
  #given = []; /* as the task has them */

  constructor(form) {
    this.#form = form;
    form.elements.remind.append(...Object.entries(BEFORE).map(([value, text]) => el("option", { value }, text)),
      el("option", { value: "at" }, "At a date and time"), el("option", { value: "other", hidden: true }, "Other reminders"));
    form.elements.remind.addEventListener("change", () => this.#refresh());
  }

  /* The task's list of reminders, which stays the same object for object until another choice is made. */
  get value() {
    const f = this.#form.elements;
    const choice = f.remind.value, at = f.remindAt.value;
    if (this.#choiceOf(this.#given) === choice && (choice !== "at" || shown(this.#given[0].at) === at)) return this.#given;
    if (choice === "at") return at ? [{ id: ID, at: instant(at) }] : [];
    return choice ? [{ id: ID, before: choice }] : [];
  }

  set value(list) {
    const f = this.#form.elements;
    this.#given = list;
    f.remind.querySelector("[value=other]").hidden = this.#choiceOf(list) !== "other";
    f.remind.value = this.#choiceOf(list);
    f.remindAt.value = f.remind.value === "at" ? shown(list[0].at) : "";
    this.#refresh();
  }

  #choiceOf(list) {
    if (list.length === 0) return "";
    if (list.length > 1) return "other";
    return list[0].at ? "at" : BEFORE[list[0].before] ? list[0].before : "other";
  }

  #refresh() {
    const { value } = this.#form.elements.remind;
    $("remind-at").hidden = value !== "at";
    $("remind-note").textContent = value === "other" ? `${remindersText(this.#given)}.`
      : BEFORE[value] ? "A task that is due on a day without a time counts as due at 09:00." : "";
  }
}
