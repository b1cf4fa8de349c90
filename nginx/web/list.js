/* The list view: one row per task, sorted by the column that the user picks. */
import { assigneeAvatars, capital, dueChip, isDone, labelChips, lookOf, priorityMark, priorityRank, statusOf } from "./card.js";
import { dueLabel, dueTime } from "./dates.js";
import { arrange, el, keepFocus } from "./dom.js";

const byName = new Intl.Collator(); /* many times faster than localeCompare() */

/* Each column: key, heading, comparison for ascending order (null: cannot be sorted by). */
const COLUMNS = [
  ["number", "#", (a, b) => a.number - b.number],
  ["title", "Title", (a, b) => byName.compare(a.title, b.title)],
  ["status", "Status", (a, b, rank) => rank.get(a.status) - rank.get(b.status)],
  ["priority", "Priority", (a, b) => priorityRank(a) - priorityRank(b)],
  ["due", "Due", (a, b) => dueTime(a) - dueTime(b) || 0],
  ["people", "Assigned", null],
];

export class List {
  #root;
  #act;
  #rows = new Map();
  #store = null;
  #sort = { key: "due", down: false };
  #heads = new Map();
  #body = el("tbody");
  #again = () => {};

  /* act: open(id). */
  constructor(root, act) {
    this.#root = root;
    this.#act = act;
    const heads = COLUMNS.map(([key, name, compare]) => {
      const th = el("th", { scope: "col", dataset: { key } },
        compare ? el("button.sort", { type: "button", onclick: () => this.#sortBy(key) }, name) : name);
      this.#heads.set(key, th);
      return th;
    });
    root.append(el("table.tasks", {}, el("thead", {}, el("tr", {}, heads)), this.#body));
    this.#body.addEventListener("click", (e) => act.open(e.target.closest("tr")?.dataset.task));
    this.#body.addEventListener("keydown", (e) => this.#key(e));
  }

  render(store, visible, flash, selected) {
    if (store !== this.#store) this.#rows.clear();
    this.#store = store;
    this.#again = () => this.render(store, visible, new Set(), selected);
    for (const [key, th] of this.#heads) {
      th.setAttribute("aria-sort", key !== this.#sort.key ? "none" : this.#sort.down ? "descending" : "ascending");
    }
    const rows = this.#sorted(store.all().filter(visible)).map((t) => this.#row(t, flash, selected));
    keepFocus(this.#body, () => arrange(this.#body, rows));
    for (const id of this.#rows.keys()) if (!store.tasks.has(id)) this.#rows.delete(id);
  }

  /* Removes all project data from the view. */
  clear() {
    this.#store = null;
    this.#again = () => {};
    this.#rows.clear();
    this.#body.replaceChildren();
  }

  /* Tasks without a due date come last in both directions; ties keep the board's order. */
  #sorted(tasks) {
    const { key, down } = this.#sort;
    const compare = COLUMNS.find(([k]) => k === key)[2];
    const rank = new Map(this.#store.project.statuses.map((s, i) => [s.id, i]));
    const undated = (t) => (key === "due" && dueTime(t) === Infinity ? 1 : 0);
    return tasks.sort((a, b) => undated(a) - undated(b) || (down ? compare(b, a, rank) : compare(a, b, rank)));
  }

  #sortBy(key) {
    const fresh = this.#sort.key !== key;
    this.#sort = { key, down: fresh ? key === "priority" : !this.#sort.down };
    this.#again();
  }

  #row(task, flash, selected) {
    let row = this.#rows.get(task.id);
    if (!row) {
      row = el("tr", { tabIndex: 0, dataset: { task: task.id } });
      row.addEventListener("animationend", () => row.classList.remove("flash"));
      this.#rows.set(task.id, row);
    }
    const due = dueLabel(task);
    const look = lookOf(this.#store, task, due);
    if (row.dataset.look !== look) {
      row.dataset.look = look;
      row.replaceChildren(...this.#cells(task, due));
      row.classList.toggle("done", isDone(this.#store, task));
    }
    if (flash.has(task.id)) row.classList.add("flash");
    row.classList.toggle("selected", task.id === selected);
    return row;
  }

  #cells(task, due) {
    const status = statusOf(this.#store, task.status);
    const mark = priorityMark(task);
    return [
      el("td.number", {}, `#${task.number}`),
      el("td.row-title", {}, el("span.card-title", { dir: "auto" }, task.title), labelChips(this.#store, task)),
      el("td", {}, el("span.status", { dir: "auto", title: status?.name, dataset: { kind: status?.kind } }, status?.name ?? task.status)),
      el("td.row-priority", {}, mark, mark ? capital(task.priority) : ""),
      el("td", {}, dueChip(this.#store, task, due)),
      el("td", {}, assigneeAvatars(this.#store, task)),
    ];
  }

  #key(e) {
    const row = e.target.closest("tr");
    if (!row || e.target !== row || e.altKey || e.ctrlKey || e.metaKey) return;
    if (e.key === "Enter" || e.key === " ") this.#act.open(row.dataset.task);
    else if (e.key === "ArrowUp") row.previousElementSibling?.focus();
    else if (e.key === "ArrowDown") row.nextElementSibling?.focus();
    else return;
    e.preventDefault();
  }
}
