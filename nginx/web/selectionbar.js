/* The bar above a table of tasks that says how many are selected, and what can be done with them: change several fields, or move to the trash. */
import { everything, uuid } from "./api.js";
import { changeTasks, stepsOf } from "./bulk.js";
import { PRIORITIES, capital } from "./card.js";
import { dueFields } from "./dates.js";
import { ask, toast, toastError } from "./dialogs.js";
import { $, busy, clearComplaints, el } from "./dom.js";
import { session } from "./session.js";

const count = (n) => (n === 1 ? "1 task" : `${n} tasks`);
const writable = ({ role, archivedAt }) => !archivedAt && ["owner", "admin", "member"].includes(role);
const optionsOf = (pairs) => pairs.map(([value, text]) => el("option", { value, dir: "auto" }, text));
const group = (label, pairs) => (pairs.length ? [el("optgroup", { label }, optionsOf(pairs))] : []);
const firstOfKind = (project, done) => project.statuses.find(({ kind }) => (kind === "done") === done)?.id;

export class SelectionBar {
  #workspace;
  #selection;
  #taskOf;
  #changed;
  #working = false;
  #failed = ""; /* what the last act could not change */
  #act = { key: "", body: "" }; /* the same key while the same is tried again */

  /* taskOf(id): a task that is shown; changed(): tasks have changed. */
  constructor({ workspace, selection, taskOf, changed }) {
    this.#workspace = workspace;
    this.#selection = selection;
    this.#taskOf = taskOf;
    this.#changed = changed;
    $("selection-change").onclick = () => this.#once(() => this.#openForm());
    $("selection-trash").onclick = () => this.#once(() => this.#trash());
    $("selection-end").onclick = () => selection.end();
    $("bulk-form").addEventListener("submit", (e) => {
      e.preventDefault();
      busy($("bulk-form"), () => this.#submit());
    });
  }

  /* One act at a time: a double click counts once. */
  async #once(work) {
    if (this.#working) return;
    this.#working = true;
    await work().catch(toastError);
    this.#working = false;
  }

  /* Shows the bar below the heading of the part of the page that has the table. */
  render(part) {
    const bar = $("selection-bar"), { on, size } = this.#selection;
    if (!on) this.#failed = "";
    if (on && bar.parentElement !== part) part.append(bar);
    bar.hidden = !on;
    $("selection-text").textContent = [size ? `${count(size)} selected.` : "Select tasks to change them together.", this.#failed].filter(Boolean).join(" ");
    $("selection-change").disabled = $("selection-trash").disabled = !size;
  }

  clear() {
    this.#failed = "";
    $("selection-text").textContent = "";
    for (const name of ["status", "label", "person", "project"]) $("bulk-form").elements[name].replaceChildren();
  }

  get #tasks() { return this.#selection.ids.map(this.#taskOf).filter(Boolean); }
  #projectOf(task) { return this.#workspace.projects.get(task.projectId); }
  #requires = (task) => this.#projectOf(task)?.requireIfMatch === true;

  /* ---- the form ---- */

  async #openForm() {
    const form = $("bulk-form"), tasks = this.#tasks, f = form.elements;
    const projects = [...new Set(tasks.map((task) => this.#projectOf(task)))].filter(Boolean);
    const one = projects.length === 1 ? projects[0] : null;
    const people = one ? (await everything(`/v1/projects/${one.id}/members`)).map(({ userId, name }) => [userId, name]) : [[session.user.id, "Me"]];
    form.reset();
    clearComplaints(form);
    const none = el("option", { value: "" }, "No change");
    f.status.replaceChildren(none, ...optionsOf(one ? one.statuses.map(({ id, name }) => [id, name]) : [["open", "Not completed"], ["done", "Completed"]]));
    f.priority.replaceChildren(none.cloneNode(true), ...optionsOf(PRIORITIES.map((p) => [p, capital(p)])));
    const labels = one?.labels ?? [];
    f.label.replaceChildren(none.cloneNode(true), ...group("Add", labels.map(({ id, name }) => [`+${id}`, name])), ...group("Remove", labels.map(({ id, name }) => [`-${id}`, name])));
    f.person.replaceChildren(none.cloneNode(true), ...group("Assign", people.map(([id, name]) => [`+${id}`, name])), ...group("Unassign", people.map(([id, name]) => [`-${id}`, name])));
    f.project.replaceChildren(none.cloneNode(true), ...optionsOf([...this.#workspace.projects.values()].filter((p) => p !== one && writable(p)).map(({ id, name }) => [id, name])));
    $("bulk-labels").hidden = !labels.length;
    $("bulk-note").hidden = Boolean(one);
    $("bulk-title").textContent = `Change ${count(tasks.length)}`;
    $("bulk-due").hidden = true;
    f.due.onchange = () => { $("bulk-due").hidden = f.due.value !== "date"; };
    await ask($("bulk-dialog"));
    form.reset();
  }

  #fields() {
    const f = $("bulk-form").elements;
    const due = f.due.value === "none" ? dueFields("", "") : f.due.value === "date" && f.dueDate.value ? dueFields(f.dueDate.value, "") : {};
    return { ...(f.priority.value ? { priority: f.priority.value } : {}), ...due };
  }

  /* The status that was chosen, for one task: of tasks from several projects, the first one of its kind in the task's project. */
  #statusFor(task) {
    const { value } = $("bulk-form").elements.status;
    return ["open", "done"].includes(value) && !$("bulk-note").hidden ? firstOfKind(this.#projectOf(task), value === "done") : value;
  }

  /* Everything that was chosen, as steps for changeTasks(); moving comes last, because labels belong to the project before. */
  #steps(tasks) {
    const f = $("bulk-form").elements, fields = this.#fields();
    const byStatus = Map.groupBy(tasks, (task) => (f.status.value ? this.#statusFor(task) : ""));
    const changes = [...byStatus].filter(([status]) => status || Object.keys(fields).length)
      .flatMap(([status, some]) => stepsOf(some, { ...(status ? { status } : {}), ...fields }, "change", this.#requires));
    const item = (list, chosen) => (chosen ? [{ tasks, operation: ({ id }) => ({ method: chosen[0] === "+" ? "PUT" : "DELETE", path: `/v1/tasks/${id}/${list}/${chosen.slice(1)}` }) }] : []);
    const move = f.project.value ? stepsOf(tasks, { projectId: f.project.value }, "move", this.#requires) : [];
    return [...changes, ...item("labels", f.label.value), ...item("assignees", f.person.value), ...move];
  }

  async #submit() {
    const tasks = this.#tasks, steps = this.#steps(tasks);
    if (steps.length) await this.#carryOut(steps, tasks, "Changed");
    $("bulk-dialog").close("");
  }

  async #trash() {
    const tasks = this.#tasks;
    const operation = (task) => ({ method: "DELETE", path: `/v1/tasks/${task.id}`, ...(this.#requires(task) ? { baseRev: task.rev } : {}) });
    const done = await this.#carryOut([{ tasks, operation }], tasks, "Moved to the trash:");
    if (!done.length) return;
    const undo = async () => {
      const failed = await changeTasks(uuid(), [{ tasks: done, operation: ({ id }) => ({ method: "POST", path: `/v1/tasks/${id}/restore` }) }]);
      toast(sentence("Restored", done.length, failed));
      this.#changed();
    };
    toast(`${count(done.length)} moved to the trash.`, { label: "Undo", run: undo });
  }

  /* How far a large act is. */
  #say(text) {
    for (const part of ["bulk-progress", "selection-progress"]) $(part).textContent = text;
  }

  /* Says what happened; what failed stays selected.  Resolves to the tasks that were changed. */
  async #carryOut(steps, tasks, verb) {
    const body = JSON.stringify(steps.map((step) => ({ ...step, sample: step.operation?.(step.tasks[0]) })));
    if (this.#act.body !== body) this.#act = { key: uuid(), body };
    const progress = (done, all) => { if (done < all) this.#say(`${Math.floor((100 * done) / all)}% done…`); };
    const failed = await changeTasks(this.#act.key, steps, progress).finally(() => this.#say(""));
    this.#act = { key: "", body: "" };
    const text = sentence(verb, tasks.length, failed);
    this.#failed = failed.size ? text : "";
    if (failed.size) this.#selection.set(failed.keys());
    else this.#selection.end();
    if (!failed.size && verb === "Changed") toast(text);
    this.#changed();
    return tasks.filter(({ id }) => !failed.has(id));
  }
}

/* "Changed 3 of 5 tasks. 2 failed: This no longer exists." */
function sentence(verb, all, failed) {
  if (!failed.size) return `${verb} ${count(all)}.`;
  const reasons = [...Map.groupBy(failed.values(), (reason) => reason)].map(([reason, list]) => `${list.length} failed: ${reason}`);
  return [`${verb} ${all - failed.size} of ${count(all)}.`, ...reasons].join(" ");
}
