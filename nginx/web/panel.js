/*
 * The side panel: a form for a new or an existing task.  Other people's changes appear in the fields, and the items of
 * lists, that the user has not edited.  Saving names the revision that the edits are based on: changes of different
 * fields and items are both kept, and a conflict is shown to the user, so nobody's change is overwritten unseen.
 */
import { request } from "./api.js";
import { Comments } from "./comments.js";
import { askConflict, confirm, toast, toastError } from "./dialogs.js";
import { dueLabel, momentText } from "./dates.js";
import { $, busy, clearComplaints, isolate, quote } from "./dom.js";
import { Files } from "./files.js";
import { hasNoFocus } from "./focus.js";
import { TaskForm } from "./taskform.js";
import { offerUndo } from "./undo.js";
import { Watch } from "./watch.js";

const OVER = matchMedia("(width < 1100px)"); /* as in panel.css: the panel covers the board */
const SLOW_MS = 1000; /* a save that takes longer is told */
const WAITING = "Saving…";

export class Panel {
  #workspace;
  #closed;
  #form = $("task");
  #fields;
  #files = new Files($("panel"));
  #comments;
  #watch;
  #base = null; /* the task the user's edits are based on; null while creating */
  #note = $("task-note");
  #opener = null; /* the element that had the focus before the panel opened */

  /* closed(id): called when the user closed the panel or its task was removed. */
  constructor(workspace, closed) {
    this.#workspace = workspace;
    this.#closed = closed;
    this.#fields = new TaskForm(this.#form, workspace);
    this.#comments = new Comments(workspace);
    this.#watch = new Watch(workspace);
    this.#form.addEventListener("submit", (e) => { e.preventDefault(); this.#submit(); });
    this.#form.addEventListener("input", () => { this.#note.textContent = ""; });
    this.#form.addEventListener("keydown", (e) => {
      if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) this.#form.requestSubmit();
    });
    OVER.addEventListener("change", () => this.#fence());
    workspace.on("files", () => this.#files.reload());
    $("task-close").onclick = () => this.close();
    $("task-copy").onclick = () => this.#duplicate();
    $("task-delete").onclick = () => this.#delete();
    $("repeat-skip").onclick = () => this.#skip();
  }

  get isOpen() { return !$("panel").hidden; }
  get taskId() { return this.isOpen ? this.#base?.id ?? null : null; }
  get #blank() { return { status: this.#fields.known(this.#status) }; }
  #status = null; /* the column in which a new task is created */

  async create(status) {
    if (!(await this.#mayLeave())) return;
    this.#status = status;
    this.#show(null);
    this.#fields.focusTitle();
  }

  async edit(task) {
    if (this.taskId === task.id || !(await this.#mayLeave())) return;
    this.#show(task);
    $("panel").focus({ preventScroll: true });
  }

  #show(base) {
    if (!this.isOpen) this.#opener = document.activeElement;
    this.#base = base;
    clearComplaints(this.#form);
    this.#note.textContent = "";
    $("panel").hidden = false;
    this.#fence();
    this.#form.querySelector(".panel-body").scrollTop = 0;
    $("panel-title").textContent = base ? `Task #${base.number}` : "New task";
    $("task-save").textContent = base ? "Save" : "Create";
    this.#fields.clear();
    this.#fields.setChoices(base ?? this.#blank);
    this.#fields.fill(base ?? this.#blank);
    this.#comments.show(base);
    this.#limits();
  }

  /* Closes the panel, asking first if there is unsaved input; true if it was closed. */
  async close() {
    if (!this.isOpen) return true;
    if (!(await this.#mayLeave())) return false;
    this.#leave();
    return true;
  }

  hide() {
    $("panel").hidden = true;
    this.#base = null;
    this.#fields.clear();
    this.#files.clear();
    this.#comments.clear();
    this.#watch.clear();
    this.#note.textContent = $("task-meta").textContent = "";
    this.#fence();
  }

  get hasEdits() { return this.isOpen && this.#workspace.store !== null && (this.#touched().length > 0 || this.#comments.typed !== ""); }

  /* The unsaved input as text; "" if there is none. */
  get typedText() { return this.isOpen ? [this.#fields.text(this.#touched()), this.#comments.typed].filter(Boolean).join("\n\n") : ""; }

  /* The open task and its unsaved input, for restore(); null if no panel is open. */
  draft() {
    if (!this.isOpen) return null;
    return { base: this.#base, status: this.#status, values: this.#fields.values(this.#touched()), comment: this.#comments.typed };
  }

  /* Shows a draft again, on top of the task's current state. */
  restore({ base, status, values, comment }) {
    this.#status = status;
    this.#show(base);
    this.#fields.put(values);
    this.#comments.typed = comment;
    if (Object.keys(values).length || comment) this.#note.textContent = "Your unsaved changes have been restored.";
    this.refresh();
  }

  /* Makes the part of the page that the panel covers inert: no focus, no clicks, not read out. */
  #fence() {
    const modal = this.isOpen && OVER.matches;
    for (const part of document.querySelectorAll("main, #sidebar")) part.inert = modal;
    $("panel").setAttribute("role", modal ? "dialog" : "complementary");
    if (modal) $("panel").setAttribute("aria-modal", "true");
    else $("panel").removeAttribute("aria-modal");
  }

  #leave() {
    const id = this.taskId;
    const opener = this.#opener;
    this.hide();
    this.#closed(id);
    if (hasNoFocus()) opener?.focus({ preventScroll: true });
  }

  #touched() { return this.#fields.touched(this.#base ?? this.#blank); }

  async #mayLeave() {
    if (!this.hasEdits) return true;
    return confirm("Discard your changes?", "What you typed in this task hasn’t been saved.", "Discard");
  }

  /* Called after every change of the store. */
  refresh() {
    if (!this.isOpen) return;
    const { store } = this.#workspace;
    if (!store) {
      this.hide();
      return;
    }
    this.#fields.setChoices(this.#base ?? this.#blank);
    this.#comments.refresh();
    this.#limits();
    const now = this.#base && store.tasks.get(this.#base.id);
    if (this.#base && !now) this.#gone();
    else if (now && now.rev > this.#base.rev && !this.#form.hasAttribute("aria-busy")) this.#takeOver(now);
  }

  #limits() {
    const { store } = this.#workspace;
    this.#fields.disable(!store.mayWrite);
    $("task-save").hidden = !store.mayWrite;
    $("task-copy").hidden = $("task-delete").hidden = !store.mayWrite || !this.#base;
    this.#files.show(this.#base, store.mayWrite);
    this.#watch.show(this.#base && (store.tasks.get(this.#base.id) ?? this.#base));
    $("task-meta").textContent = this.#base ? this.#meta() : "";
    if (!store.mayWrite && this.#touched().length) {
      this.#note.textContent = "You can no longer edit this project. Your text stays here so you can copy it.";
    }
  }

  /* A member's name for use within a sentence. */
  #nameOf(id) { return isolate(this.#workspace.store.members.get(id)?.name ?? "Someone"); }

  #meta() {
    const t = this.#workspace.store.tasks.get(this.#base.id) ?? this.#base;
    const made = `Created by ${this.#nameOf(t.createdBy)}, ${momentText(t.createdAt)}.`;
    return t.updatedAt && t.updatedAt !== t.createdAt
      ? `${made} Last changed by ${this.#nameOf(t.updatedBy)}, ${momentText(t.updatedAt)}.` : made;
  }

  /*
   * Takes a newer revision into the fields, and the items of lists, that the user has not edited.  If it changed what
   * the user edited too, the base stays at the old revision, so that saving gets 412 and asks.
   */
  #takeOver(now) {
    const touched = this.#touched();
    const clashes = this.#fields.clashes(this.#base, now, touched);
    this.#fields.takeOver(this.#base, now, touched, { keep: clashes.map((c) => c.name) });
    if (!clashes.length) {
      this.#base = now;
      return;
    }
    const what = clashes.map((c) => c.label.toLowerCase()).join(", ");
    this.#note.textContent = `${this.#nameOf(now.updatedBy)} changed the ${what} while you were editing.`;
    this.#base = this.#fields.rebased(this.#base, now, clashes.map((c) => c.name));
  }

  #gone() {
    if (this.hasEdits) {
      this.#note.textContent = "This task was deleted. Your text stays here so you can copy it.";
      return;
    }
    this.#leave();
  }

  #submit() {
    if (!this.#workspace.store.mayWrite) return;
    const work = async () => {
      const slow = setTimeout(() => { this.#note.textContent = WAITING; }, SLOW_MS);
      try {
        await this.#fields.addTypedLabel();
        await (this.#base ? this.#save() : this.#make());
      } finally {
        clearTimeout(slow);
        if (this.#note.textContent === WAITING) this.#note.textContent = "";
      }
    };
    busy(this.#form, work, { aliases: { dueAt: "dueTime" }, texts: { "not-found": "This task was deleted, or you no longer have access to it." } });
  }

  async #make() {
    const task = await this.#workspace.createTask(this.#fields.body(this.#fields.touched(null)));
    const opener = this.#opener;
    this.hide();
    this.#closed(task.id, task);
    if (hasNoFocus()) opener?.focus({ preventScroll: true });
  }

  async #save() {
    const touched = this.#touched();
    if (touched.length) {
      try {
        const { fields, edits } = this.#fields.changes(this.#base, touched);
        const task = await this.#workspace.changeTask(this.#base.id, this.#base.rev, fields, edits);
        this.#fields.fill(task);
        this.#base = task;
      } catch (error) {
        if (!error.stale) throw error;
        if (await this.#settle(error, touched)) await this.#save();
        return;
      }
    }
    this.#note.textContent = "Saved";
    this.#limits();
  }

  /*
   * After somebody else has changed the task: changes of different fields and items are merged; if both changed the same, the user decides.
   * False: the user keeps editing.
   */
  async #settle(error, touched) {
    const current = error.current ?? await request("GET", `/v1/tasks/${this.#base.id}`);
    const clashes = this.#fields.clashes(this.#base, current, touched);
    if (current.rev === this.#base.rev) throw error; /* the same would happen again */
    const choice = clashes.length ? await askConflict(clashes, this.#nameOf(error.changedBy ?? current.updatedBy)) : "mine";
    if (choice === "") return false;
    const yielded = choice === "theirs" ? clashes.map((c) => c.name) : [];
    this.#fields.takeOver(this.#base, current, touched, { yielded });
    this.#base = current;
    return true;
  }

  /* Moves a recurring task to its next date, unless somebody has changed the date that the user sees. */
  async #skip() {
    const button = $("repeat-skip");
    if (button.ariaDisabled) return;
    button.ariaDisabled = "true"; /* `disabled` would drop the focus */
    try {
      const task = await this.#workspace.skipTask(this.#base.id, this.#base.rev);
      toast(`Skipped. The next date is ${dueLabel(task).text}.`);
    } catch (error) {
      toastError(error, { stale: "Someone changed the date in the meantime. Look at it and try again.", conflict: "There is no further date." });
    } finally {
      button.ariaDisabled = null;
    }
  }

  /* Opens a copy of the task as it is stored, with its subtasks and files. */
  async #duplicate() {
    if (!(await this.#mayLeave())) return;
    try {
      this.#show(await this.#workspace.duplicateTask(this.#base.id));
      this.#note.textContent = "This is the copy.";
      this.#fields.focusTitle();
    } catch (error) {
      toastError(error);
    }
  }

  async #delete() {
    const { id, title } = this.#base;
    this.#leave();
    try {
      await this.#workspace.deleteTask(id);
      offerUndo(`${quote(title)} is in the trash.`, () => this.#workspace.restoreTask(id));
    } catch (error) {
      toastError(error);
    }
  }
}
