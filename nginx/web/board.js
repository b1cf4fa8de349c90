/*
 * The board: a column per status of the project, a card per task.  Cards keep their element while
 * they live, so focus, scrolling and a drag survive other people's changes.
 */
import { assigneeAvatars, checklistMark, dueChip, isDone, labelChips, priorityMark } from "./card.js";
import { arrange, el, icon, keepFocus } from "./dom.js";
import { makeDraggable } from "./drag.js";

export class Board {
  #root;
  #act;
  #cards = new Map(); /* task id -> element */
  #columns = new Map(); /* status id -> {root, name, count, body} */
  #drag;
  #store = null;
  #held = null; /* the render that came during a drag */

  /* act: open(id), create(status), move(id, place). */
  constructor(root, act) {
    this.#root = root;
    this.#act = act;
    this.#drag = makeDraggable(root, {
      allowed: () => this.#store?.mayWrite ?? false,
      dropped: (id, place) => act.move(id, place),
      ended: () => this.#held?.(),
    });
    root.addEventListener("click", (e) => this.#clicked(e));
    root.addEventListener("keydown", (e) => this.#key(e));
  }

  /* Draws what is in the store and passes `visible`; `flash` holds ids that others just changed. */
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
    const statuses = store.project.statuses;
    keepFocus(this.#root, () => {
      arrange(this.#root, statuses.map((s) => this.#column(s).root));
      for (const status of statuses) this.#fill(status, store.column(status.id).filter(visible), flash, selected);
    });
    for (const id of this.#cards.keys()) if (!store.tasks.has(id)) this.#cards.delete(id);
  }

  #column(status) {
    let c = this.#columns.get(status.id);
    if (!c) {
      c = {
        name: el("h2.clip", { id: `column-${status.id}` }),
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
      card = el("div.card", { role: "listitem", tabIndex: 0, dataset: { task: task.id } });
      card.addEventListener("animationend", () => card.classList.remove("flash"));
      this.#cards.set(task.id, card);
    }
    const look = `${task.rev}.${this.#store.looks}`;
    if (card.dataset.look !== look) {
      card.dataset.look = look;
      card.replaceChildren(...this.#content(task));
      card.classList.toggle("done", isDone(this.#store, task));
    }
    if (flash.has(task.id)) card.classList.add("flash");
    card.classList.toggle("selected", task.id === selected);
    return card;
  }

  #content(task) {
    const labels = labelChips(this.#store, task);
    const marks = [priorityMark(task), dueChip(this.#store, task), checklistMark(task)].filter(Boolean);
    return [
      labels.length ? el("div.labels", {}, labels) : null,
      el("p.card-title", {}, task.title),
      el("div.card-foot", {}, el("span.number", {}, `#${task.number}`), marks, el("span.grow"), assigneeAvatars(this.#store, task)),
    ].filter(Boolean);
  }

  #clicked(e) {
    const add = e.target.closest("[data-add]");
    if (add) return this.#act.create(add.dataset.add);
    const card = e.target.closest(".card");
    if (card && !this.#drag.justDropped) this.#act.open(card.dataset.task);
    return undefined;
  }

  /* Enter opens; arrows walk; Alt and arrows move the card. */
  #key(e) {
    const card = e.target.closest(".card");
    if (!card || e.target !== card) return;
    if (e.key === "Enter" || e.key === " ") this.#act.open(card.dataset.task);
    else if (e.key.startsWith("Arrow")) (e.altKey ? this.#shift : this.#walk).call(this, card, e.key.slice(5));
    else return;
    e.preventDefault();
  }

  #neighbourColumn(card, direction) {
    const columns = [...this.#root.children].map((c) => c.querySelector(".cards"));
    return columns[columns.indexOf(card.parentElement) + (direction === "Right" ? 1 : -1)];
  }

  #walk(card, direction) {
    if (direction === "Up") card.previousElementSibling?.focus();
    else if (direction === "Down") card.nextElementSibling?.focus();
    else {
      const index = [...card.parentElement.children].indexOf(card);
      const cards = this.#neighbourColumn(card, direction)?.children ?? [];
      cards[Math.min(index, cards.length - 1)]?.focus();
    }
  }

  #shift(card, direction) {
    if (!this.#store.mayWrite) return;
    const status = card.parentElement.dataset.status;
    const [up, down] = [card.previousElementSibling, card.nextElementSibling];
    let place = null;
    if (direction === "Up") place = up && { status, before: up.dataset.task };
    else if (direction === "Down") place = down && { status, after: down.dataset.task };
    else {
      const column = this.#neighbourColumn(card, direction);
      place = column && { status: column.dataset.status };
    }
    if (place) this.#act.move(card.dataset.task, place);
  }
}
