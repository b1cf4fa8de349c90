/* The comments of the open task: read, write, edit, delete, and the earlier texts of those that were edited. */
import { everything, request } from "./api.js";
import { momentText } from "./dates.js";
import { confirm, toastError } from "./dialogs.js";
import { $, arrange, avatar, el, keepFocus } from "./dom.js";
import { session } from "./session.js";

const MAY_COMMENT = ["owner", "admin", "member", "commenter"];

export class Comments {
  #workspace;
  #task = null; /* the id of the open task */
  #store = null; /* the project as it was when the comments were read: another one means that events are missing */
  #known = new Map(); /* id -> comment; null once it is deleted */
  #rows = new Map(); /* id -> element; reused while the comment stays the same */
  #arrived = new Set(); /* ids of those that came while the comments were being read */
  #editing = null; /* the id of the comment that is being edited */
  #sending = false;

  constructor(workspace) {
    this.#workspace = workspace;
    $("comment-send").onclick = () => this.#send();
    $("comment-add").addEventListener("keydown", (e) => this.#onEnter(e, () => this.#send()));
    workspace.on("comment", (event) => this.#take(event));
  }

  /* Text that has not been sent, of a new comment and of one that is being edited. */
  get typed() {
    const area = $("comment-list").querySelector("textarea");
    const edited = area && area.value.trim() !== this.#known.get(this.#editing)?.text ? area.value.trim() : "";
    return [edited, this.#text].filter(Boolean).join("\n\n");
  }

  set typed(text) { $("comment-add").value = text; }
  get #text() { return $("comment-add").value.trim(); }

  /* Shows the comments of a task; null: of none. */
  show(task) {
    this.clear();
    this.#task = task?.id ?? null;
    this.refresh();
  }

  clear() {
    this.#task = this.#store = this.#editing = null;
    this.#known.clear();
    this.#rows.clear();
    this.typed = "";
    $("comments").hidden = true;
    $("comment-list").replaceChildren();
  }

  /* Called after every change of the store. */
  refresh() {
    const { store } = this.#workspace;
    if (!this.#task || !store) return;
    if (this.#store !== store) this.#load(store).catch(toastError);
    else this.#draw();
  }

  async #load(store) {
    const id = this.#task;
    this.#store = store;
    this.#arrived.clear();
    const comments = await everything(`/v1/tasks/${id}/comments?limit=200`);
    if (id !== this.#task || store !== this.#store) return;
    const found = new Set(comments.map((c) => c.id));
    for (const known of this.#known.keys()) if (!found.has(known) && !this.#arrived.has(known)) this.#known.set(known, null);
    for (const comment of comments) this.#put(comment);
    this.#draw();
  }

  /* Takes a newer version. */
  #put(comment) {
    const known = this.#known.get(comment.id);
    if (known !== null && !(known?.rev >= comment.rev)) this.#known.set(comment.id, comment);
  }

  /* The same for one that did not come with the others. */
  #arrive(comment) {
    this.#arrived.add(comment.id);
    this.#put(comment);
  }

  /* An event of any task's comment; one about a long comment omits it. */
  async #take(event) {
    const { entityId: id, data } = event;
    if (!this.#task || (data && data.taskId !== this.#task)) return;
    if (event.kind === "comment.deleted") {
      this.#known.set(id, null);
    } else {
      const task = this.#task;
      const comment = data ?? await request("GET", `/v1/comments/${id}`).catch(() => null);
      if (comment?.taskId !== task || task !== this.#task) return;
      this.#arrive(comment);
    }
    this.#draw();
  }

  #draw() {
    const { role } = this.#workspace.store;
    const may = MAY_COMMENT.includes(role);
    const comments = [...this.#known.values()].filter(Boolean).sort((a, b) => (a.createdAt + a.id < b.createdAt + b.id ? -1 : 1));
    $("comments").hidden = !may && !comments.length;
    $("comment-add").hidden = $("comment-send").hidden = !may;
    keepFocus($("comment-list"), () => arrange($("comment-list"), comments.map((c) => this.#row(c, may))));
  }

  #row(comment, may) {
    const { store } = this.#workspace;
    const name = store.members.get(comment.createdBy)?.name ?? "Former member";
    const editing = this.#editing === comment.id;
    const own = comment.createdBy === session.user.id && may;
    const look = `${comment.rev}.${name}.${own}.${store.mayAdmin}.${editing}`;
    const known = this.#rows.get(comment.id);
    if (known?.dataset.look === look || (known && editing && known.querySelector("textarea"))) return known;
    const row = el("div.comment", { role: "listitem", dataset: { comment: comment.id, look } },
      el("div.comment-head", {}, avatar(comment.createdBy, name), el("bdi", {}, name), el("span.meta.grow", {}, momentText(comment.createdAt)),
        own && !editing ? el("button.link", { type: "button", onclick: () => this.#edit(comment.id) }, "Edit") : null,
        own || (may && store.mayAdmin) ? el("button.link", { type: "button", onclick: () => this.#remove(comment) }, "Delete") : null),
      editing ? this.#editor(comment) : el("p.comment-text", { dir: "auto" }, comment.text),
      comment.edits.length ? this.#edits(comment) : null);
    this.#rows.set(comment.id, row);
    return row;
  }

  #edits({ edits, editedAt }) {
    return el("details.edits", {}, el("summary.meta", {}, `Edited ${momentText(editedAt)}`),
      [...edits].reverse().map(({ at, text }) => el("div", {}, el("span.meta", {}, momentText(at)), el("p.comment-text", { dir: "auto" }, text))));
  }

  #editor(comment) {
    const area = el("textarea", { dir: "auto", rows: 3, maxLength: 20000, value: comment.text, "aria-label": "Edit your comment" });
    const save = () => this.#save(comment, area.value);
    area.addEventListener("keydown", (e) => {
      this.#onEnter(e, save);
      if (e.key !== "Escape") return;
      e.stopPropagation();
      this.#edit(null);
    });
    return el("div.comment-edit", {}, area, el("div.comment-foot", {},
      el("button", { type: "button", onclick: () => this.#edit(null) }, "Cancel"), el("button.primary", { type: "button", onclick: save }, "Save comment")));
  }

  /* Ctrl+Enter in a comment must not save the task. */
  #onEnter(e, run) {
    if (e.key !== "Enter" || !(e.ctrlKey || e.metaKey)) return;
    e.preventDefault();
    e.stopPropagation();
    run();
  }

  #edit(id) {
    this.#editing = id;
    this.#draw();
    $("comment-list").querySelector("textarea")?.focus();
  }

  /* Sends one request at a time, so that a double click counts once. */
  async #once(work) {
    if (this.#sending) return;
    this.#sending = true;
    try {
      await work();
    } catch (error) {
      toastError(error);
    } finally {
      this.#sending = false;
      if (this.#task && this.#workspace.store) this.#draw();
    }
  }

  #send() {
    const text = this.#text, task = this.#task;
    return text ? this.#once(async () => {
      const comment = await request("POST", `/v1/tasks/${task}/comments`, { body: { text } });
      if (task !== this.#task) return;
      this.typed = "";
      this.#arrive(comment);
    }) : undefined;
  }

  #save(comment, text) {
    return this.#once(async () => {
      const body = { text: text.trim() };
      if (body.text !== comment.text) this.#arrive(await request("PATCH", `/v1/comments/${comment.id}`, { body, base: comment.rev }));
      if (this.#editing === comment.id) this.#editing = null;
    });
  }

  async #remove(comment) {
    if (!(await confirm("Delete this comment?", "Its text is erased, also from the history, and cannot be restored.", "Delete"))) return;
    await this.#once(async () => {
      await request("DELETE", `/v1/comments/${comment.id}`).catch((error) => { if (error.status !== 404) throw error; });
      this.#known.set(comment.id, null);
    });
  }
}
