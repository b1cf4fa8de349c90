/*
 * Lists of tasks across projects: today's, overdue and upcoming ones, and those that a filter finds.  They are loaded from the
 * API, and again after changes; a task that no longer belongs leaves the list.
 */
import { isDone, labelChips, lookOf, tint } from "./card.js";
import { dueLabel } from "./dates.js";
import { $, el, hue, icon } from "./dom.js";
import { faultNodes, faultRange, faultText, warningText } from "./filters.js";
import { listOf } from "./places.js";
import { Rows, commonCells } from "./rows.js";
import { TaskList } from "./tasklist.js";

const NAMES = { today: "Today", overdue: "Overdue", upcoming: "Upcoming" };
const EMPTY = { today: "Nothing is due today.", overdue: "Nothing is overdue.", upcoming: "Nothing is due in the next 7 days." };
const HEADS = [["title", "Title"], ["status", "Status"], ["priority", "Priority"], ["due", "Due"], ["people", "Assigned"]];
const SORT = "dueAt";
const EVERY_MS = 60_000;
const LISTED = ["task", "project", "member", "filter"]; /* entities whose events can change a list */

export class Overview {
  #workspace;
  #counts;
  #filters;
  #tasks;
  #rows;
  #shown = null; /* the list in the address: see places.js */
  #stores = new Map(); /* project id -> what stands for its store in the functions of card.js */
  #path = ""; /* of the API, without the order; "" until it is known */
  #typed = null; /* the text of the filter, if it is not the saved one */
  #filled = ""; /* what the page put into the input */

  /* act: open(project, task), changed(): something is to be drawn. */
  constructor({ workspace, counts, filters, selection, act }) {
    this.#workspace = workspace;
    this.#counts = counts;
    this.#filters = filters;
    this.#tasks = new TaskList(act.changed);
    const head = el("tr", {}, HEADS.map(([key, name]) => el("th", { scope: "col", dataset: { key } }, name)));
    const body = el("tbody");
    $("overview-table").append(el("thead", {}, head), body);
    this.#rows = new Rows(head, body, { open: (id) => act.open(this.taskOf(id)), selection });
    $("overview-more").onclick = () => this.#tasks.showMore();
    $("overview-sort").onchange = () => this.#load();
    setInterval(() => this.ask(), EVERY_MS); /* "today" depends on the clock */
  }

  get shown() { return this.#shown; }
  /* The saved filter that is shown. */
  get saved() { return this.#shown?.startsWith("f/") ? this.#filters.all.get(this.#shown.slice(2)) : undefined; }
  /* The text of the filter that is shown; undefined for other lists. */
  get text() { return this.#typed ?? this.saved?.filter ?? (this.#shown ? listOf(this.#shown).text : undefined); }
  get title() { return NAMES[this.#shown] ?? this.saved?.name ?? "Filter"; }

  get #input() { return $("filter-form").elements.filter; }

  taskOf(id) { return this.#tasks.items.find((task) => task.id === id); }

  /* Shows a list; a list that is shown already stays as it is. */
  async open(list) {
    if (list === this.#shown) {
      if (this.#tasks.problem) await this.#load();
      return;
    }
    this.#shown = list;
    this.#typed = null;
    $("overview-list").scrollTop = 0;
    if (listOf(list).saved && !this.#filters.loaded) await this.#filters.load().catch(() => {});
    if (list !== this.#shown) return;
    this.#input.value = this.#filled = this.text ?? "";
    this.#setSort(this.saved?.sort ?? SORT);
    await this.#load();
  }

  /* Shows what another text finds, in place of that of the saved filter. */
  async tryText(text) {
    this.#typed = text;
    await this.#load();
  }

  /* The saved filter was changed here: shows it as it is now. */
  reset() {
    this.#typed = null;
    this.#input.value = this.#filled = this.text ?? "";
    this.#load().catch(() => {});
  }

  close() {
    if (!this.#shown) return;
    this.#shown = this.#typed = null;
    this.#path = "";
    this.#tasks.open(null);
  }

  clear() {
    this.close();
    this.#tasks.clear();
    this.#rows.clear();
    this.#stores.clear();
    for (const part of ["overview-title", "filter-warnings", "overview-note", "filter-where"]) $(part).replaceChildren();
  }

  onEvent({ entity }) { if (this.#shown && LISTED.includes(entity)) this.ask(); }

  /* Something may have changed: a saved filter may have another text or order by now. */
  async ask() {
    if (!this.#shown) return;
    if (this.#path !== (await this.#pathOf())) await this.#load();
    else this.#tasks.ask();
  }

  /* The order that is chosen. */
  get sort() { return $("overview-sort").value; }

  /* An order that is not offered, which a saved filter may have, is offered as long as it is shown. */
  #setSort(sort) {
    const select = $("overview-sort");
    select.querySelector("[data-other]")?.remove();
    if (![...select.options].some(({ value }) => value === sort)) select.append(el("option", { value: sort, dataset: { other: "" } }, "As saved"));
    select.value = sort;
  }

  async #pathOf() {
    const { name, saved } = listOf(this.#shown), { text } = this;
    if (saved && this.#typed === null) return `/v1/tasks?filterId=${saved}`;
    if (text !== undefined) return text.trim() ? `/v1/tasks?filter=${encodeURIComponent(text)}` : "";
    return this.#counts.urlOf(name);
  }

  async #load() {
    const list = this.#shown;
    const path = await this.#pathOf().catch(() => "");
    if (list !== this.#shown) return;
    this.#path = path;
    await this.#tasks.open(path && `${path}&sort=${encodeURIComponent(this.sort)}`);
    if (this.#tasks.problem?.fault && $("filter-form").contains(document.activeElement)) this.#markFault();
  }

  /* What card.js needs to know of a task's project. */
  #store(task) {
    const project = this.#workspace.projects.get(task.projectId) ?? { id: task.projectId, name: "…", statuses: [], labels: [] };
    const looks = `${project.rev}.${this.#tasks.looks}`;
    let store = this.#stores.get(project.id);
    if (store?.looks !== looks) {
      store = { project, members: this.#tasks.people, looks };
      this.#stores.set(project.id, store);
    }
    return store;
  }

  /* ---- drawing ---- */

  render(openTask) {
    const tasks = this.#tasks, { text } = this;
    if (this.#input.value === this.#filled) this.#input.value = this.#filled = text ?? ""; /* nobody has typed */
    $("overview-title").textContent = this.title;
    $("filter-form").hidden = text === undefined;
    $("filter-settings").hidden = !this.saved;
    $("filter-help").hidden = text === undefined || Boolean(text.trim());
    $("overview-tools").hidden = !this.#path || (tasks.loaded && !tasks.items.length);
    $("overview-more").hidden = !tasks.more || tasks.full;
    $("filter-warnings").replaceChildren(...tasks.warnings.map((warning) => el("p", {}, warningText(warning))));
    $("overview-note").textContent = this.#note();
    $("overview-table").hidden = !tasks.items.length;
    this.#drawFault(tasks.problem?.fault, text ?? "");
    this.#rows.draw(tasks.items.map((task) => this.#item(task)), {
      flash: new Set(), open: openTask, maySelect: true, known: new Set(tasks.items.map(({ id }) => id)),
    });
  }

  #note() {
    const { loaded, problem, items, more, full } = this.#tasks;
    if (!this.#path) return "";
    if (!loaded) return "Loading…";
    if (problem?.fault) return "";
    if (problem?.status === 404 && this.#shown.startsWith("f/")) return "This filter no longer exists.";
    if (problem) return problem.message;
    if (full && more) return `The first ${items.length} tasks are shown. A narrower filter shows the others.`;
    if (items.length) return "";
    return more ? "Nothing found so far." : EMPTY[this.#shown] ?? "No task matches this filter.";
  }

  #item(task) {
    const store = this.#store(task), due = dueLabel(task);
    return {
      task, done: isDone(store, task), look: `${lookOf(store, task, due)}.${task.projectId}`,
      cells: () => [this.#titleCell(store, task), ...commonCells(store, task, due)],
    };
  }

  #titleCell(store, task) {
    const { project } = store;
    const mark = project.inbox ? icon("inbox") : el("i.swatch", { dataset: { hue: hue(project.id) } });
    tint(mark, project.colour);
    return el("td.row-title", {}, el("span.card-title", { dir: "auto" }, task.title), labelChips(store, task),
      el("span.row-project", {}, mark, el("span.clip", { dir: "auto" }, project.name)));
  }

  /* ---- mistakes in the filter ---- */

  #drawFault(fault, text) {
    $("filter-fault").hidden = !fault;
    if (!fault) {
      this.#input.removeAttribute("aria-invalid");
      return;
    }
    this.#input.setAttribute("aria-invalid", "true");
    $("filter-where").replaceChildren(...faultNodes(fault, text));
    $("filter-expected").textContent = faultText(fault, text);
  }

  #markFault() {
    this.#input.focus();
    this.#input.setSelectionRange(...faultRange(this.#tasks.problem.fault, this.#input.value));
  }
}
