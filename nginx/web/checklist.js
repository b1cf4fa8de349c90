/* The checklist of the task form: items to tick, rename, move, remove and add. */
import { uuid } from "./api.js";
import { arrange, el, icon, keepFocus } from "./dom.js";

/* An item's text as an input shows it: an input cannot hold line breaks. */
export const tidyItem = (text) => text.replace(/[\r\n]+/g, "").trim();

export class Checklist {
  #root;
  #add;
  #pending = uuid(); /* the id of the item being typed */

  /* add: the text input below the items. */
  constructor(root, add) {
    this.#root = root;
    this.#add = add;
    add.addEventListener("keydown", (e) => {
      if (e.key !== "Enter" || e.ctrlKey || e.metaKey) return;
      e.preventDefault();
      const text = add.value.trim();
      if (!text) return;
      root.append(this.#row({ id: this.#pending, text, done: false }));
      this.#clearAdd();
    });
  }

  #clearAdd() {
    this.#add.value = "";
    this.#pending = uuid();
  }

  /* [{id, text, done}]; text typed without pressing Enter is the last item. */
  get value() {
    const typed = tidyItem(this.#add.value);
    return [...this.#items, ...(typed ? [{ id: this.#pending, text: typed, done: false }] : [])];
  }

  get #items() {
    return [...this.#root.children].map((row) => {
      const [done, text] = row.querySelectorAll("input");
      return { id: row.dataset.id, text: tidyItem(text.value), done: done.checked };
    }).filter((item) => item.text);
  }

  set value(items) {
    if (items.some((item) => item.id === this.#pending)) this.#clearAdd(); /* saved */
    this.#draw(items);
  }

  /* Shows other people's changes together with what the user has edited; the item being typed stays in its input. */
  takeOver(items) {
    this.#draw(items.filter((item) => item.id !== this.#pending));
  }

  clear() {
    this.#clearAdd();
    this.value = [];
  }

  /* Rows are reused, so that nobody who is typing in one loses the focus or the cursor's position. */
  #draw(items) {
    const rows = new Map([...this.#root.children].map((row) => [row.dataset.id, row]));
    const fill = (row, item) => {
      const [done, text] = row.querySelectorAll("input");
      done.checked = item.done;
      if (tidyItem(text.value) !== tidyItem(item.text)) {
        text.value = item.text;
        this.#name(row, item.text);
      }
      return row;
    };
    keepFocus(this.#root, () => arrange(this.#root, items.map((item) =>
      (rows.has(item.id) ? fill(rows.get(item.id), item) : this.#row(item)))));
  }

  #row(item) {
    const button = (name, run) => el(`button.quiet.square.${name}`, { type: "button", onclick: run }, icon(name));
    const row = el("div.item", { dataset: { id: item.id } },
      el("input", { type: "checkbox", checked: item.done }),
      el("input", { type: "text", dir: "auto", value: item.text, maxLength: 500, "aria-label": "Checklist item" }),
      button("up", () => this.#move(row, -1)), button("down", () => this.#move(row, 1)), button("close", () => row.remove()));
    row.addEventListener("keydown", (e) => {
      if (!e.altKey || !["ArrowUp", "ArrowDown"].includes(e.key) || row.querySelector("[type=text]").readOnly) return;
      e.preventDefault();
      this.#move(row, e.key === "ArrowUp" ? -1 : 1);
    });
    this.#name(row, item.text);
    return row;
  }

  /* The accessible names of a row's controls. */
  #name(row, text) {
    row.querySelector("[type=checkbox]").setAttribute("aria-label", `Done: ${text}`);
    for (const [name, label] of [["up", "Move up:"], ["down", "Move down:"], ["close", "Remove"]]) {
      row.querySelector(`.${name}`).setAttribute("aria-label", `${label} ${text}`);
    }
  }

  /* Moves a row one place up (-1) or down (1). */
  #move(row, by) {
    const other = by < 0 ? row.previousElementSibling : row.nextElementSibling;
    if (!other) return;
    keepFocus(row, () => (by < 0 ? other.before(row) : other.after(row)));
  }
}
