/* The rows of a table of tasks.  Each task keeps its element, so that focus and scrolling survive other people's changes. */
import { assigneeAvatars, capital, dueChip, priorityMark, selectBox, statusOf } from "./card.js";
import { arrange, el, keepFocus } from "./dom.js";

/* The cells that every table of tasks has; store: a project's, or what stands for one. */
export function commonCells(store, task, due) {
  const status = statusOf(store, task.status), mark = priorityMark(task);
  return [
    el("td", { dataset: { key: "status" } }, el("span.status", { dir: "auto", title: status?.name, dataset: { kind: status?.kind } }, status?.name ?? task.status)),
    el("td.row-priority", { dataset: { key: "priority" } }, mark, mark ? capital(task.priority) : ""),
    el("td", { dataset: { key: "due" } }, dueChip(store, task, due)),
    el("td", { dataset: { key: "people" } }, assigneeAvatars(store, task)),
  ];
}

export class Rows {
  #body;
  #open;
  #selection;
  #maySelect = false;
  #order = []; /* ids, as shown */
  #rows = new Map();
  #stop = null; /* the one row that Tab reaches: the one that had the focus last, or the first */
  #all = el("input", { type: "checkbox", tabIndex: -1, "aria-label": "Select all tasks" });

  /* head: the table's heading row; open(id) */
  constructor(head, body, { open, selection }) {
    this.#body = body;
    this.#open = open;
    this.#selection = selection;
    head.prepend(el("th.pick", { scope: "col" }, this.#all));
    this.#all.addEventListener("change", () => selection.set(this.#all.checked ? this.#order : []));
    body.addEventListener("click", (e) => this.#clicked(e));
    body.addEventListener("mousedown", (e) => { if (e.shiftKey) e.preventDefault(); }); /* would select text */
    body.addEventListener("keydown", (e) => this.#key(e));
    body.addEventListener("focusin", (e) => {
      const row = e.target.closest("tr");
      this.#stopAt(row);
      row.scrollIntoView({ block: "nearest" }); /* browsers leave a row that is half visible where it is */
    });
  }

  /*
   * items: [{task, look, cells(), done}]; look: the cells are made again when it changes; open: id of the open task;
   * known: has() tells whose elements are kept although they are not shown.
   */
  draw(items, { flash, open, maySelect, known }) {
    this.#maySelect = maySelect;
    this.#order = items.map(({ task }) => task.id);
    this.#selection.keep(this.#order);
    const rows = items.map((item) => this.#row(item, flash, open));
    keepFocus(this.#body, () => arrange(this.#body, rows));
    for (const id of this.#rows.keys()) if (!known.has(id)) this.#rows.delete(id);
    this.#stopAt(this.#stop?.isConnected ? this.#stop : this.#body.firstElementChild);
    const { size } = this.#selection;
    this.#body.parentElement.classList.toggle("selecting", this.#selection.on);
    this.#all.checked = size > 0 && size === rows.length;
    this.#all.indeterminate = size > 0 && size < rows.length;
  }

  clear() {
    this.#order = [];
    this.#stop = null;
    this.#rows.clear();
    this.#body.replaceChildren();
  }

  #stopAt(row) {
    if (this.#stop) this.#stop.tabIndex = -1;
    this.#stop = row;
    if (row) row.tabIndex = 0;
  }

  #row({ task, look, cells, done }, flash, open) {
    let row = this.#rows.get(task.id);
    if (!row) {
      row = el("tr", { tabIndex: -1, dataset: { task: task.id } });
      row.addEventListener("animationend", () => row.classList.remove("flash"));
      this.#rows.set(task.id, row);
    }
    if (row.dataset.look !== look) {
      row.dataset.look = look;
      row.replaceChildren(...cells());
      row.classList.toggle("done", done);
    }
    if (flash.has(task.id)) row.classList.add("flash");
    row.classList.toggle("selected", task.id === open);
    row.classList.toggle("picked", this.#selection.has(task.id));
    if (this.#selection.on) this.#pick(row, task);
    return row;
  }

  /* The check box is made when it is first needed. */
  #pick(row, task) {
    let cell = row.firstElementChild;
    if (!cell.matches(".pick")) {
      cell = el("td.pick", {}, selectBox(task));
      row.prepend(cell);
    }
    cell.firstElementChild.checked = this.#selection.has(task.id);
  }

  #clicked(e) {
    const id = e.target.closest("tr")?.dataset.task;
    if (!id) return;
    if (!this.#maySelect || !this.#selection.click(e, this.#order, id)) this.#open(id);
  }

  /* Enter opens, arrows move the focus, x and, while selecting, the space bar select; with Shift arrows select too. */
  #key(e) {
    const row = e.target.closest("tr");
    if (!row || (e.target !== row && (!e.target.closest(".pick") || e.key === " ")) || e.altKey) return;
    if (e.ctrlKey || e.metaKey) {
      if (e.key !== "a" || !this.#selection.on) return;
      this.#selection.set(this.#order);
    } else if (e.key === "Enter" || (e.key === " " && !this.#selection.on)) this.#open(row.dataset.task);
    else if (e.key === "ArrowUp") this.#walk(row, row.previousElementSibling, e.shiftKey);
    else if (e.key === "ArrowDown") this.#walk(row, row.nextElementSibling, e.shiftKey);
    else if ((e.key === "x" || e.key === " ") && this.#maySelect) this.#selection.toggle(row.dataset.task);
    else return;
    e.preventDefault();
  }

  #walk(row, next, selects) {
    next?.focus();
    if (next && selects && this.#maySelect) this.#selection.walk(this.#order, row.dataset.task, next.dataset.task);
  }
}
