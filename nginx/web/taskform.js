/*
 * The fields of a task as form inputs: filling them, reading them, and telling what the user changed.
 * One row of FIELDS per field; the panel around it knows no field by name.
 */
import { PRIORITIES, capital } from "./card.js";
import { Checklist, tidyItem } from "./checklist.js";
import { Chips } from "./chips.js";
import { dueFields, dueInputs, zoneNote } from "./dates.js";
import { $, el } from "./dom.js";

const nameIn = (list, id) => list?.find((x) => x.id === id)?.name ?? "?";
const itself = (value) => value;
/* As a textarea gives text back: line breaks are one character. */
const lines = (text) => (text ?? "").replace(/\r\n?/g, "\n");

/*
 * keys: the field in the API; label: its name for people; of: a task's value in the form's own terms, exactly as
 * its inputs give it back when nobody has typed, so that a difference is always somebody's typing;
 * text: that value as a conflict shows it; body: back into the API's terms.
 */
const FIELDS = {
  title: { label: "Title", of: (t) => lines(t.title).trim(), text: itself },
  description: { label: "Description", of: (t) => lines(t.description), text: itself },
  status: { label: "Status", of: (t) => t.status, text: (v, store) => nameIn(store.project.statuses, v) },
  priority: { label: "Priority", of: (t) => t.priority ?? "none", text: capital },
  due: { keys: ["dueDate", "dueAt"], label: "Due", of: dueInputs, text: (v) => `${v.date} ${v.time}`.trim(), body: (v) => dueFields(v.date, v.time) },
  assigneeIds: { label: "Assigned to", of: (t) => t.assigneeIds ?? [], text: (v, store) => v.map((id) => store.members.get(id)?.name ?? "?").join(", ") },
  labelIds: { label: "Labels", of: (t) => t.labelIds ?? [], text: (v, store) => v.map((id) => nameIn(store.project.labels, id)).join(", ") },
  checklist: { label: "Checklist", of: (t) => (t.checklist ?? []).map(({ id, text, done }) => ({ id, text: tidyItem(text), done })).filter((i) => i.text), text: (v) => v.map((i) => `${i.done ? "☑" : "☐"} ${i.text}`).join("\n") },
};
const EMPTY = { status: null };

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const options = (pairs) => pairs.map(([value, text]) => el("option", { value }, text));

export class TaskForm {
  #form;
  #workspace;
  #choices = ""; /* what the choices were made from: they stay as they are while it is the same */
  #chips;
  #checklist = new Checklist($("checklist"), $("checklist-add"));

  constructor(form, workspace) {
    this.#form = form;
    this.#workspace = workspace;
    this.#chips = new Chips($("assignees"), $("labels"), workspace);
    form.elements.priority.append(...options(PRIORITIES.map((p) => [p, capital(p)])));
    form.elements.title.addEventListener("keydown", (e) => {
      if (e.key !== "Enter") return;
      e.preventDefault();
      form.requestSubmit();
    });
    form.elements.title.addEventListener("input", () => this.#grow());
  }

  focusTitle() { this.#form.elements.title.focus(); }

  /* Text that nobody may change any more can still be selected and copied. */
  disable(yes) {
    for (const input of this.#form.querySelectorAll(".panel-body :is(input, textarea, select, button)")) {
      if (input.matches("textarea, [type=text]")) input.readOnly = yes;
      else input.disabled = yes;
    }
  }

  /* Nothing of any task or project stays in the inputs. */
  clear() {
    this.#choices = "";
    this.#checklist.clear();
    this.#chips.clear();
    this.#form.elements.status.replaceChildren();
    this.#form.reset();
  }

  /* Adds what was typed as a label without Enter. */
  addTypedLabel() { return this.#chips.addTyped(); }

  /* A status of the project: this one, or the first when somebody has deleted it. */
  known(status) {
    const statuses = this.#workspace.store?.project.statuses ?? [];
    return (statuses.find((s) => s.id === status) ?? statuses[0])?.id;
  }

  /*
   * Statuses, members and labels to choose from, made anew when the project changed.  Who had chosen a status
   * that is gone has that of `base` again.
   */
  setChoices(base) {
    const { project, looks } = this.#workspace.store;
    if (this.#choices === `${project.id}.${looks}`) return;
    this.#choices = `${project.id}.${looks}`;
    const { status } = this.#form.elements;
    const chosen = status.value;
    status.replaceChildren(...options(project.statuses.map((s) => [s.id, s.name])));
    status.value = chosen;
    if (status.selectedIndex < 0) status.value = this.known(base.status);
    this.#chips.draw();
  }

  /* Puts a task's values into the inputs, all but the fields named in `keep`. */
  fill(task, keep = []) {
    for (const [name, field] of Object.entries(FIELDS)) {
      if (!keep.includes(name)) this.#write(name, field.of(task));
    }
    $("zone-note").textContent = zoneNote();
    this.#grow();
  }

  /* The values of some fields, to be put back later with put(). */
  values(names) {
    return Object.fromEntries(names.map((name) => [name, this.#read(name)]));
  }

  put(values) {
    for (const [name, value] of Object.entries(values)) this.#write(name, value);
    this.#grow();
  }

  /* What was typed into the named fields, as text to copy. */
  text(names) {
    const { store } = this.#workspace;
    const known = (name) => ["title", "description", "checklist", "due"].includes(name);
    return names.filter(known).map((name) => FIELDS[name].text(this.#read(name), store)).filter(Boolean).join("\n\n");
  }

  #write(name, value) {
    const f = this.#form.elements;
    if (name === "due") [f.dueDate.value, f.dueTime.value] = [value.date, value.time];
    else if (name === "checklist") this.#checklist.value = value;
    else if (name in this.#chips) this.#chips[name] = value;
    else f[name].value = value;
  }

  #read(name) {
    const f = this.#form.elements;
    if (name === "due") return { date: f.dueDate.value, time: f.dueDate.value ? f.dueTime.value : "" };
    if (name === "checklist") return this.#checklist.value;
    if (name in this.#chips) return this.#chips[name];
    return name === "title" ? lines(f.title.value).trim() : f[name].value;
  }

  /* Names of the fields whose inputs differ from `base` (null: from a task with nothing in it). */
  touched(base) {
    const changed = Object.keys(FIELDS).filter((name) => !same(this.#read(name), FIELDS[name].of(base ?? EMPTY)));
    return this.#chips.typed && !changed.includes("labelIds") ? [...changed, "labelIds"] : changed;
  }

  /* The named fields in the API's terms: the body of a POST or PATCH. */
  body(names) {
    const parts = names.map((name) => FIELDS[name].body?.(this.#read(name)) ?? { [name]: this.#read(name) });
    return Object.assign({}, ...parts);
  }

  /* Of the touched fields, those which `now` has otherwise than both `base` and the form. */
  clashes(base, now, touched) {
    const { store } = this.#workspace;
    return touched.filter((name) => {
      const theirs = FIELDS[name].of(now);
      return !same(theirs, FIELDS[name].of(base)) && !same(theirs, this.#read(name));
    }).map((name) => {
      const { label, of, text } = FIELDS[name];
      return { name, label, theirs: text(of(now), store), mine: text(this.#read(name), store) };
    });
  }

  /* `now`, but with the old values of the touched fields: still the base of the user's edits. */
  rebased(base, now, touched) {
    const merged = { ...now, rev: base.rev };
    for (const name of touched) for (const key of FIELDS[name].keys ?? [name]) merged[key] = base[key];
    return merged;
  }

  /* The title is as high as its text. */
  #grow() {
    const { title } = this.#form.elements;
    title.style.setProperty("height", "auto");
    if (title.scrollHeight) title.style.setProperty("height", `${title.scrollHeight}px`);
  }
}
