/*
 * The board: a column per status of the project, a card per task.  Each card keeps its element for as long as it
 * exists, so focus, scrolling and dragging survive other people's changes.
 */
import { assigneeAvatars, checklistMark, commentsMark, dueChip, filesMark, isDone, labelChips, lookOf, priorityMark, selectBox, subtasksMark } from "./card.js";
import { dueLabel } from "./dates.js";
import { arrange, el, icon, keepFocus } from "./dom.js";
import { makeDraggable } from "./drag.js";
import { Selection } from "./selection.js";

const OPPOSITE = { Up: "Down", Down: "Up", Left: "Right", Right: "Left" };

export class Board {
  #root;
  #act;
  #selection;
  #order = []; /* ids, as shown, column after column */
  #cards = new Map(); /* task id -> element */
  #columns = new Map(); /* status id -> {root, name, count, body, stop: the one card that Tab reaches} */
  #drag;
  #store = null;
  #held = null; /* a render that was requested during a drag */
  #visible = () => true;
  #opened = null; /* id of the open task, as it was drawn last */
  #steps = { id: null, trail: [] }; /* moves of one card by keyboard, so that the opposite key undoes them */
  #moving = Promise.resolve();

  /* act: open(id), create(status), move(id, place); selection: which cards are selected. */
  constructor(root, act, selection = new Selection(() => {})) {
    this.#root = root;
    this.#act = act;
    this.#selection = selection;
    this.#drag = makeDraggable(root, {
      allowed: () => this.#store?.mayWrite && !selection.on,
      dropped: (id, place) => act.move(id, place),
      ended: () => this.#held?.(),
    });
    root.addEventListener("click", (e) => this.#clicked(e));
    root.addEventListener("keydown", (e) => this.#key(e));
    /* Scroll a focused card fully into view; browsers leave one that is half visible where it is. */
    root.addEventListener("focusin", (e) => {
      const card = e.target.closest(".card");
      card?.scrollIntoView({ block: "nearest", inline: "nearest" });
      if (card) this.#stopAt(card);
    });
  }

  /* Draws the tasks of the store that pass `visible`; `flash` holds ids of tasks that others just changed. */
  render(store, visible, flash, selected) {
    if (this.#drag.active) {
      this.#held = () => { this.#held = null; this.render(store, visible, flash, selected); };
      return;
    }
    if (store !== this.#store) {
      this.#cards.clear();
      this.#columns.clear();
      this.#root.replaceChildren();
    }
    this.#store = store;
    this.#visible = visible;
    const columns = store.project.statuses.map((status) => [status, store.column(status.id).filter(visible)]);
    this.#order = columns.flatMap(([, tasks]) => tasks.map(({ id }) => id));
    this.#selection.keep(this.#order);
    this.#root.classList.toggle("selecting", this.#selection.on);
    keepFocus(this.#root, () => {
      arrange(this.#root, columns.map(([status]) => this.#column(status).root));
      for (const [status, tasks] of columns) this.#fill(status, tasks, flash, selected);
    });
    for (const id of this.#cards.keys()) if (!store.tasks.has(id)) this.#cards.delete(id);
    this.#setStops();
    if (selected !== this.#opened) this.#cards.get(selected)?.scrollIntoView({ block: "nearest", inline: "nearest" }); /* beside the panel cards wrap elsewhere */
    this.#opened = selected;
  }

  /* Tab reaches one card of a column, not thousands: the one that had the focus last, or the first. */
  #setStops() {
    const columns = [...this.#columns.values()];
    for (const c of columns) {
      if (!c.stop || c.stop.parentElement === c.body) continue;
      c.stop.tabIndex = -1;
      c.stop = null;
    }
    for (const c of columns) {
      c.stop ??= c.body.firstElementChild;
      if (c.stop) c.stop.tabIndex = 0;
    }
  }

  #stopAt(card) {
    const c = this.#columns.get(card.parentElement.dataset.status);
    if (!c || c.stop === card) return;
    if (c.stop) c.stop.tabIndex = -1;
    c.stop = card;
    card.tabIndex = 0;
  }

  /* Removes all project data from the view. */
  clear() {
    this.#store = null;
    this.#held = null;
    this.#order = [];
    this.#cards.clear();
    this.#columns.clear();
    this.#root.replaceChildren();
  }

  #column(status) {
    let c = this.#columns.get(status.id);
    if (!c) {
      c = {
        name: el("h2.clip", { dir: "auto", id: `column-${status.id}` }),
        count: el("span.count"),
        body: el("div.cards", { role: "list", dataset: { status: status.id }, "aria-labelledby": `column-${status.id}` }),
        add: el("button.quiet.square", { type: "button", dataset: { add: status.id } }, icon("plus")),
      };
      c.root = el("section.column", { dataset: { kind: status.kind, column: status.id } },
        el("header", {}, el("i.kind"), c.name, c.count, el("span.grow"), c.add), c.body);
      this.#columns.set(status.id, c);
    }
    c.name.textContent = status.name;
    c.add.hidden = !this.#store.mayWrite;
    c.add.setAttribute("aria-label", `New task in ${status.name}`);
    return c;
  }

  #fill(status, tasks, flash, selected) {
    const c = this.#columns.get(status.id);
    c.count.textContent = tasks.length;
    arrange(c.body, tasks.map((t) => this.#card(t, flash, selected)));
  }

  #card(task, flash, selected) {
    let card = this.#cards.get(task.id);
    if (!card) {
      card = el("div.card", { role: "listitem", tabIndex: -1, dataset: { task: task.id } });
      card.addEventListener("animationend", () => card.classList.remove("flash"));
      this.#cards.set(task.id, card);
    }
    const due = dueLabel(task);
    const look = lookOf(this.#store, task, due);
    if (card.dataset.look !== look) {
      card.dataset.look = look;
      card.replaceChildren(...this.#content(task, due));
      card.classList.toggle("done", isDone(this.#store, task));
    }
    if (flash.has(task.id)) card.classList.add("flash");
    card.classList.toggle("selected", task.id === selected);
    card.classList.toggle("picked", this.#selection.has(task.id));
    if (this.#selection.on) this.#pick(card, task);
    return card;
  }

  /* The check box is made when it is first needed. */
  #pick(card, task) {
    if (!card.firstElementChild.matches(".pick")) card.prepend(el("span.pick", {}, selectBox(task)));
    card.firstElementChild.firstElementChild.checked = this.#selection.has(task.id);
  }

  #content(task, due) {
    const labels = labelChips(this.#store, task);
    const marks = [priorityMark(task), dueChip(this.#store, task, due), checklistMark(task), subtasksMark(task), commentsMark(task), filesMark(task)].filter(Boolean);
    return [
      labels.length ? el("div.labels", {}, labels) : null,
      el("p.card-title", { dir: "auto" }, task.title),
      el("div.card-foot", {}, el("span.number", {}, `#${task.number}`), marks, el("span.grow"), assigneeAvatars(this.#store, task)),
    ].filter(Boolean);
  }

  #clicked(e) {
    const add = e.target.closest("[data-add]");
    if (add) return this.#act.create(add.dataset.add);
    const card = e.target.closest(".card");
    if (!card || this.#drag.justDropped) return undefined;
    const selects = this.#store.mayWrite && this.#selection.click(e, this.#columnOf(card), card.dataset.task);
    if (!selects) this.#act.open(card.dataset.task);
    return undefined;
  }

  /* The ids of a card's column, as shown: a range is selected within it. */
  #columnOf(card) { return [...card.parentElement.children].map((each) => each.dataset.task); }

  /*
   * Enter opens a card, arrows move the focus, Alt and arrows move the card, x and, while selecting, the space bar select;
   * with Shift up and down select too.
   */
  #key(e) {
    const card = e.target.closest(".card"), { on } = this.#selection;
    if (!card || (e.target !== card && (!e.target.closest(".pick") || e.key === " "))) return;
    if (e.ctrlKey || e.metaKey) {
      if (e.key !== "a" || !on) return;
      this.#selection.set(this.#order);
    } else if (e.key === "Enter" || (e.key === " " && !on)) this.#act.open(card.dataset.task);
    else if (e.key.startsWith("Arrow")) this.#arrow(card, e.key.slice(5), e);
    else if ((e.key === "x" || e.key === " ") && !e.altKey && this.#store.mayWrite) this.#selection.toggle(card.dataset.task);
    else return;
    e.preventDefault();
  }

  #arrow(card, direction, { altKey, shiftKey }) {
    if (altKey) return this.#shift(card, direction);
    const next = this.#neighbour(card, direction);
    next?.focus();
    if (next?.parentElement === card.parentElement && shiftKey && this.#store.mayWrite) this.#selection.walk(this.#columnOf(card), card.dataset.task, next.dataset.task);
    return undefined;
  }

  #neighbourColumn(card, direction) {
    const columns = [...this.#root.children].map((c) => c.querySelector(".cards"));
    return columns[columns.indexOf(card.parentElement) + (direction === "Right" ? 1 : -1)];
  }

  /* The card that an arrow key leads to. */
  #neighbour(card, direction) {
    if (direction === "Up") return card.previousElementSibling;
    if (direction === "Down") return card.nextElementSibling;
    const index = [...card.parentElement.children].indexOf(card);
    const cards = this.#neighbourColumn(card, direction)?.children ?? [];
    return cards[Math.min(index, cards.length - 1)];
  }

  /* Moves run one after another: each starts from the result of the one before. */
  #shift(card, direction) {
    if (!this.#store.mayWrite) return;
    this.#moving = this.#moving.then(() => this.#step(card.dataset.task, direction)).catch(() => {});
  }

  async #step(id, direction) {
    const task = this.#store?.tasks.get(id);
    if (!task) return;
    if (this.#steps.id !== id) this.#steps = { id, trail: [] };
    const { trail } = this.#steps;
    const back = trail.at(-1)?.direction === OPPOSITE[direction] ? trail.at(-1) : null;
    const from = this.#placeOf(task);
    const place = (back && back.left === `${task.status} ${task.position}` && this.#stillThere(task, back.from)) || this.#beside(task, direction);
    if (!place) return;
    await this.#act.move(id, place);
    const now = this.#store?.tasks.get(id);
    if (!now) return;
    if (back) trail.pop();
    else trail.push({ direction, from, left: `${now.status} ${now.position}` });
    if (back && trail.length) trail.at(-1).left = `${now.status} ${now.position}`;
  }

  /* A task's place by its neighbours, including those that a filter hides. */
  #placeOf(task) {
    const column = this.#store.column(task.status);
    const at = column.findIndex((t) => t.id === task.id);
    return { status: task.status, before: column[at + 1]?.id, after: column[at - 1]?.id };
  }

  #stillThere(task, { status, before, after }) {
    const isIn = (id) => id && this.#store.tasks.get(id)?.status === status;
    if (isIn(before)) return { status, before };
    if (isIn(after)) return { status, after };
    return this.#store.column(status).length ? null : { status };
  }

  /* The place one step away, among the visible cards. */
  #beside(task, direction) {
    const shown = (status) => this.#store.column(status).filter(this.#visible);
    const column = shown(task.status);
    const at = column.findIndex((t) => t.id === task.id);
    if (direction === "Up") return column[at - 1] && { status: task.status, before: column[at - 1].id };
    if (direction === "Down") return column[at + 1] && { status: task.status, after: column[at + 1].id };
    const { statuses } = this.#store.project;
    const target = statuses[statuses.findIndex((s) => s.id === task.status) + (direction === "Right" ? 1 : -1)];
    if (!target) return null;
    const next = shown(target.id)[Math.max(at, 0)];
    return next ? { status: target.id, before: next.id } : { status: target.id };
  }
}
