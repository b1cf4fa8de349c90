/* The checklist of the task form: items to tick, rename, remove and add. */
import { uuid } from "./api.js";
import { el, icon } from "./dom.js";

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
    this.#root.replaceChildren(...items.map((item) => this.#row(item)));
  }

  clear() {
    this.#clearAdd();
    this.value = [];
  }

  #row(item) {
    const row = el("div.item", { dataset: { id: item.id } },
      el("input", { type: "checkbox", checked: item.done, "aria-label": `Done: ${item.text}` }),
      el("input", { type: "text", dir: "auto", value: item.text, maxLength: 500, "aria-label": "Checklist item" }),
      el("button.quiet.square", { type: "button", "aria-label": `Remove ${item.text}`, onclick: () => row.remove() }, icon("close")));
    return row;
  }
}
