/*
 * The task form: fills the inputs, reads them, and tells which fields the user edited.  Each field is one row of
 * FIELDS, so the panel does not need to know any field by name.
 */
import { PRIORITIES, capital } from "./card.js";
import { Checklist, tidyItem } from "./checklist.js";
import { Chips } from "./chips.js";
import { dueFields, dueInputs, zoneNote } from "./dates.js";
import { $, el } from "./dom.js";
import { conflictsOf, editsOf, merge } from "./edits.js";
import { Reminders, remindersText } from "./reminders.js";
import { Repeat, sentenceOf } from "./repeat.js";

const nameIn = (list, id) => list?.find((x) => x.id === id)?.name ?? "?";
const itself = (value) => value;
/* Text as a textarea returns it: every line break is one character. */
const lines = (text) => (text ?? "").replace(/\r\n?/g, "\n");

/*
 * keys: the API's fields, if not the same name; label: the name shown to users; of(task): the task's value as the
 * inputs return it when nobody has typed, so that any difference is the user's edit; text(value): the value as shown
 * in a conflict; body(value): the value in the API's form; list: its items are edited one by one.
 */
const FIELDS = {
  title: { label: "Title", of: (t) => lines(t.title).trim(), text: itself },
  description: { label: "Description", of: (t) => lines(t.description), text: itself },
  status: { label: "Status", of: (t) => t.status, text: (v, store) => nameIn(store.project.statuses, v) },
  priority: { label: "Priority", of: (t) => t.priority ?? "none", text: capital },
  due: { keys: ["dueDate", "dueAt"], label: "Due", of: dueInputs, text: (v) => `${v.date} ${v.time}`.trim(), body: (v) => dueFields(v.date, v.time) },
  recurrence: { label: "Repeats", of: (t) => (t.recurrence ? { rule: t.recurrence.rule, basis: t.recurrence.basis } : null), text: (v) => (v ? sentenceOf(v) : "Never") },
  reminders: { label: "Reminders", of: (t) => t.reminders ?? [], text: remindersText },
  assigneeIds: { list: true, label: "Assigned to", of: (t) => t.assigneeIds ?? [], text: (v, store) => v.map((id) => store.members.get(id)?.name ?? "?").join(", ") },
  labelIds: { list: true, label: "Labels", of: (t) => t.labelIds ?? [], text: (v, store) => v.map((id) => nameIn(store.project.labels, id)).join(", ") },
  checklist: { list: true, label: "Checklist", of: (t) => (t.checklist ?? []).map(({ id, text, done }) => ({ id, text: tidyItem(text), done })).filter((i) => i.text), text: (v) => v.map((i) => `${i.done ? "☑" : "☐"} ${i.text}`).join("\n") },
};
const EMPTY = { status: null };

/* The order of ids is no edit of a user's, that of a checklist is. */
const comparable = (value) => JSON.stringify(Array.isArray(value) && typeof value[0] === "string" ? [...value].sort() : value);
const same = (a, b) => comparable(a) === comparable(b);
const options = (pairs) => pairs.map(([value, text]) => el("option", { value }, text));

export class TaskForm {
  #form;
  #workspace;
  #choices = ""; /* the state that the choices were made from; they are only made again when it changes */
  #chips;
  #checklist = new Checklist($("checklist"), $("checklist-add"));
  #repeat;
  #reminders;

  constructor(form, workspace) {
    this.#form = form;
    this.#workspace = workspace;
    this.#repeat = new Repeat(form);
    this.#reminders = new Reminders(form);
    this.#chips = new Chips($("assignees"), $("labels"), workspace);
    form.elements.priority.append(...options(PRIORITIES.map((p) => [p, capital(p)])));
    form.elements.title.addEventListener("keydown", (e) => {
      if (e.key !== "Enter") return;
      e.preventDefault();
      form.requestSubmit();
    });
    form.elements.title.addEventListener("input", () => this.#grow());
    window.addEventListener("resize", () => this.#grow()); /* a phone is turned: the title wraps elsewhere */
  }

  focusTitle() { this.#form.elements.title.focus(); }

  /* Makes the form read-only, without what files.js and comments.js draw.  Text can still be selected and copied. */
  disable(yes) {
    for (const input of this.#form.querySelectorAll(".panel-body :is(input, textarea, select, button):not(#comments *, #files-field *)")) {
      if (input.matches("textarea, [type=text]")) input.readOnly = yes;
      else input.disabled = yes;
    }
  }

  /* Removes all task and project data from the form. */
  clear() {
    this.#choices = "";
    this.#checklist.clear();
    this.#chips.clear();
    this.#form.elements.status.replaceChildren();
    this.#form.reset();
    this.#repeat.clear();
    this.#reminders.value = [];
  }

  /* Adds a label that was typed without pressing Enter. */
  addTypedLabel() { return this.#chips.addTyped(); }

  /* `status` if the project still has it, else the project's first status. */
  known(status) {
    const statuses = this.#workspace.store?.project.statuses ?? [];
    return (statuses.find((s) => s.id === status) ?? statuses[0])?.id;
  }

  /*
   * Offers the project's current statuses, members and labels.  If the chosen status no longer exists, the status
   * of `base` is chosen.
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

  /* Puts a task's values into the inputs, except for the fields named in `keep`. */
  fill(task, keep = []) {
    for (const [name, field] of Object.entries(FIELDS)) {
      if (!keep.includes(name)) this.#write(name, field.of(task));
    }
    $("zone-note").textContent = zoneNote();
    this.#repeat.setTask(task);
    this.#grow();
  }

  /*
   * Puts a newer task's values into the inputs, on top of which the edits of `base` in the `touched` fields stay, in lists
   * item by item.  keep: fields whose input stays as it is; yielded: fields in which the newer values win over the edits.
   */
  takeOver(base, now, touched, { keep = [], yielded = [] }) {
    const isMine = (name) => touched.includes(name) && (FIELDS[name].list || !yielded.includes(name));
    this.fill(now, Object.keys(FIELDS).filter((name) => keep.includes(name) || isMine(name)));
    for (const name of touched) {
      const { list, of } = FIELDS[name];
      if (!list || keep.includes(name)) continue;
      const merged = merge(of(base), this.#read(name), of(now), yielded.includes(name));
      if (name === "checklist") this.#checklist.takeOver(merged);
      else this.#write(name, merged);
    }
  }

  /* The values of some fields, for put(). */
  values(names) {
    return Object.fromEntries(names.map((name) => [name, this.#read(name)]));
  }

  put(values) {
    for (const [name, value] of Object.entries(values)) this.#write(name, value);
    this.#grow();
  }

  /* The input of the named fields as text to copy. */
  text(names) {
    const { store } = this.#workspace;
    const known = (name) => ["title", "description", "checklist", "due"].includes(name);
    return names.filter(known).map((name) => FIELDS[name].text(this.#read(name), store)).filter(Boolean).join("\n\n");
  }

  #write(name, value) {
    const f = this.#form.elements;
    if (name === "due") [f.dueDate.value, f.dueTime.value] = [value.date, value.time];
    else if (name === "recurrence") this.#repeat.value = value;
    else if (name === "reminders") this.#reminders.value = value;
    else if (name === "checklist") this.#checklist.value = value;
    else if (name in this.#chips) this.#chips[name] = value;
    else f[name].value = value;
  }

  #read(name) {
    const f = this.#form.elements;
    if (name === "due") return { date: f.dueDate.value, time: f.dueDate.value ? f.dueTime.value : "" };
    if (name === "recurrence") return this.#repeat.value;
    if (name === "reminders") return this.#reminders.value;
    if (name === "checklist") return this.#checklist.value;
    if (name in this.#chips) return this.#chips[name];
    return name === "title" ? lines(f.title.value).trim() : f[name].value;
  }

  /* The names of the fields whose inputs differ from `base` (null: from an empty task). */
  touched(base) {
    const changed = Object.keys(FIELDS).filter((name) => !same(this.#read(name), FIELDS[name].of(base ?? EMPTY)));
    return this.#chips.typed && !changed.includes("labelIds") ? [...changed, "labelIds"] : changed;
  }

  /* The body of a POST with the named fields. */
  body(names) {
    const parts = names.map((name) => FIELDS[name].body?.(this.#read(name)) ?? { [name]: this.#read(name) });
    return Object.assign({}, ...parts);
  }

  /* What changes `base` into the form's input: {fields: the body of a PATCH, edits: those of lists, each with its `list`}. */
  changes(base, touched) {
    const edits = touched.filter((name) => FIELDS[name].list).flatMap((list) =>
      editsOf(FIELDS[list].of(base), this.#read(list)).map((edit) => ({ ...edit, list })));
    return {
      fields: this.body(touched.filter((name) => !FIELDS[name].list)),
      edits: edits.filter(({ list, kind }) => list === "checklist" || kind !== "move"),
    };
  }

  /* The edited fields that `now` changed as well, to a value different from the form's. */
  clashes(base, now, touched) {
    const { store } = this.#workspace;
    return touched.filter((name) => {
      const { list, of } = FIELDS[name], before = of(base), theirs = of(now), mine = this.#read(name);
      if (list) return name === "checklist" && conflictsOf(before, mine, theirs).length > 0;
      return !same(theirs, before) && !same(theirs, mine);
    }).map((name) => {
      const { label, of, text } = FIELDS[name];
      return { name, label, theirs: text(of(now), store), mine: text(this.#read(name), store) };
    });
  }

  /* `now` with the old values of the named fields and the old revision: the base that the user's edits still have. */
  rebased(base, now, names) {
    const merged = { ...now, rev: base.rev };
    for (const name of names) for (const key of FIELDS[name].keys ?? [name]) merged[key] = base[key];
    return merged;
  }

  /* Makes the title's input as high as its text. */
  #grow() {
    const { title } = this.#form.elements;
    title.style.setProperty("height", "auto");
    if (title.scrollHeight) title.style.setProperty("height", `${title.scrollHeight}px`);
  }
}
