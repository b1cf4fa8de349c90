/* The assignees and labels of the task form: one toggle button each; admins can add a label. */
import { uuid } from "./api.js";
import { labelChip, tint } from "./card.js";
import { toastError } from "./dialogs.js";
import { arrange, avatar, el } from "./dom.js";

const COLOURS = ["#5865d8", "#2a9d8f", "#c2693d", "#b04a8b", "#6a8f2f", "#3c85c4"];

export class Chips {
  #roots; /* field -> element that holds its buttons */
  #workspace;
  #chosen = { assigneeIds: [], labelIds: [] };
  #buttons = new Map(); /* id -> button; reused, so that a redraw loses neither the focus nor a click in progress */
  #newLabel = el("input.new-label", { type: "text", dir: "auto", maxLength: 50, placeholder: "New label", "aria-label": "Add a label to the project" });

  constructor(people, tags, workspace) {
    this.#roots = { assigneeIds: people, labelIds: tags };
    this.#workspace = workspace;
    this.#newLabel.addEventListener("keydown", (e) => {
      if (e.key !== "Enter" || e.ctrlKey || e.metaKey) return;
      e.preventDefault();
      this.addTyped().catch(toastError);
    });
  }

  /* A label that has been typed but not added yet. */
  get typed() { return this.#newLabel.isConnected ? this.#newLabel.value.trim() : ""; }

  async addTyped() {
    const name = this.typed;
    if (!name) return;
    this.#newLabel.value = "";
    await this.#addLabel(name).catch((error) => { this.#newLabel.value ||= name; throw error; });
  }

  clear() {
    this.#newLabel.value = "";
    this.#buttons.clear();
    this.#chosen = { assigneeIds: [], labelIds: [] };
    for (const root of Object.values(this.#roots)) root.replaceChildren();
  }

  get assigneeIds() { return this.#chosen.assigneeIds; }
  set assigneeIds(ids) { this.#set("assigneeIds", ids); }
  get labelIds() { return this.#chosen.labelIds; }
  set labelIds(ids) { this.#set("labelIds", ids); }

  #set(name, ids) {
    this.#chosen[name] = [...ids];
    this.draw();
  }

  #toggle(name, id) {
    const ids = this.#chosen[name];
    this.#set(name, ids.includes(id) ? ids.filter((x) => x !== id) : [...ids, id]);
  }

  draw() {
    const { store } = this.#workspace;
    const gone = (ids, known) => ids.filter((id) => !known.has(id));
    const formerly = gone(this.#chosen.assigneeIds, store.members).map((userId) => ({ userId, name: "Former member" }));
    const people = [...store.members.values(), ...formerly].map((m) =>
      this.#button("assigneeIds", m.userId, m.name, () => [avatar(m.userId, m.name), el("span.clip", { dir: "auto" }, m.name)]));
    const labels = store.project.labels ?? [];
    const deleted = gone(this.#chosen.labelIds, new Map(labels.map((l) => [l.id, l]))).map((id) => ({ id, name: "Deleted label" }));
    const tags = [...labels, ...deleted].map((l) =>
      this.#button("labelIds", l.id, `${l.name} ${l.colour}`, () => [labelChip(l)], l.colour));
    arrange(this.#roots.assigneeIds, people);
    arrange(this.#roots.labelIds, store.mayAdmin ? [...tags, this.#newLabel] : tags);
  }

  #button(name, id, look, content, colour) {
    let button = this.#buttons.get(id);
    if (!button) {
      button = el("button.chip", { type: "button", dataset: { id }, onclick: () => this.#toggle(name, id) });
      this.#buttons.set(id, button);
    }
    if (button.dataset.look !== look) {
      button.dataset.look = look;
      button.replaceChildren(...content());
      tint(button, colour);
    }
    button.disabled = !this.#workspace.store.mayWrite;
    button.setAttribute("aria-pressed", String(this.#chosen[name].includes(id)));
    return button;
  }

  async #addLabel(name) {
    const { project } = this.#workspace.store;
    const labels = project.labels ?? [];
    const colour = COLOURS[labels.length % COLOURS.length];
    const label = { id: uuid(), name, colour };
    await this.#workspace.addLabel(project, label);
    this.#toggle("labelIds", label.id);
  }
}
