/* The list view: one row per task, sorted by the column that the user picks. */
import { isDone, labelChips, lookOf, priorityRank } from "./card.js";
import { dueLabel, dueTime } from "./dates.js";
import { el } from "./dom.js";
import { Rows, commonCells } from "./rows.js";

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
  #rows;
  #store = null;
  #sort = { key: "due", down: false };
  #heads = new Map();
  #again = () => {};

  /* act: open(id); selection: which rows are selected. */
  constructor(root, act, selection) {
    const heads = COLUMNS.map(([key, name, compare]) => {
      const th = el("th", { scope: "col", dataset: { key } },
        compare ? el("button.sort", { type: "button", onclick: () => this.#sortBy(key) }, name) : name);
      this.#heads.set(key, th);
      return th;
    });
    const head = el("tr", {}, heads), body = el("tbody");
    root.append(el("table.tasks", {}, el("thead", {}, head), body));
    this.#rows = new Rows(head, body, { open: act.open, selection });
  }

  render(store, visible, flash, selected) {
    if (store !== this.#store) this.#rows.clear();
    this.#store = store;
    this.#again = () => this.render(store, visible, new Set(), selected);
    for (const [key, th] of this.#heads) {
      th.setAttribute("aria-sort", key !== this.#sort.key ? "none" : this.#sort.down ? "descending" : "ascending");
    }
    const items = this.#sorted(store.all().filter(visible)).map((task) => this.#item(task));
    this.#rows.draw(items, { flash, open: selected, maySelect: store.mayWrite, known: store.tasks });
  }

  /* Removes all project data from the view. */
  clear() {
    this.#store = null;
    this.#again = () => {};
    this.#rows.clear();
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

  #item(task) {
    const due = dueLabel(task);
    return { task, look: lookOf(this.#store, task, due), cells: () => this.#cells(task, due), done: isDone(this.#store, task) };
  }

  #cells(task, due) {
    return [
      el("td.number", { dataset: { key: "number" } }, `#${task.number}`),
      el("td.row-title", {}, el("span.card-title", { dir: "auto" }, task.title), labelChips(this.#store, task)),
      ...commonCells(this.#store, task, due),
    ];
  }
}
