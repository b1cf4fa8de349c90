/* The checklist of the task form: items to tick, rename, remove and add. */
import { uuid } from "./api.js";
import { el, icon } from "./dom.js";

export class Checklist {
  #root;

  /* add: the text input below the items. */
  constructor(root, add) {
    this.#root = root;
    add.addEventListener("keydown", (e) => {
      if (e.key !== "Enter" || e.ctrlKey || e.metaKey) return;
      e.preventDefault();
      const text = add.value.trim();
      if (!text) return;
      root.append(this.#row({ id: uuid(), text, done: false }));
      add.value = "";
    });
  }

  /* [{id, text, done}] */
  get value() {
    return [...this.#root.children].map((row) => {
      const [done, text] = row.querySelectorAll("input");
      return { id: row.dataset.id, text: text.value.trim(), done: done.checked };
    }).filter((item) => item.text);
  }

  set value(items) {
    this.#root.replaceChildren(...items.map((item) => this.#row(item)));
  }

  #row(item) {
    const row = el("div.item", { dataset: { id: item.id } },
      el("input", { type: "checkbox", checked: item.done, "aria-label": `Done: ${item.text}` }),
      el("input", { type: "text", value: item.text, maxLength: 500, "aria-label": "Checklist item" }),
      el("button.quiet.square", { type: "button", "aria-label": `Remove ${item.text}`, onclick: () => row.remove() }, icon("close")));
    return row;
  }
}
