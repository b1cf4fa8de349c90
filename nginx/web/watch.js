/* Whether the user watches the open task or has muted it: a list to choose from, beside the comments. */
import { request } from "./api.js";
import { toastError } from "./dialogs.js";
import { $ } from "./dom.js";
import { session } from "./session.js";

const DEFAULT = "default";
const isMine = (task) => task.assigneeIds.includes(session.user.id);

export class Watch {
  #task = null; /* the id of the open task */
  #mine = false; /* is it assigned to the user?  Then it is watched by default. */
  #list = $("watch");
  #loading = 0;

  constructor(workspace) {
    this.#list.onchange = () => this.#set(this.#list.value);
    workspace.on("event", ({ entity, data }) => { /* a comment's author watches by default */
      if (["subscription", "comment"].includes(entity) && data?.taskId === this.#task) this.#reload();
    });
    workspace.on("resync", () => this.#reload());
  }

  /* Shows the state of a task; null: of none. */
  show(task) {
    const known = task !== null && task.id === this.#task && isMine(task) === this.#mine;
    this.#task = task?.id ?? null;
    this.#mine = task !== null && isMine(task);
    if (!known) this.#reload();
  }

  clear() {
    this.#task = null;
    this.#loading++;
  }

  #draw({ state, isDefault }) {
    this.#list.options[0].text = state === "watching" || !isDefault ? "Automatic" : "Automatic: off";
    this.#list.value = isDefault ? DEFAULT : state;
  }

  async #reload() {
    const task = this.#task, generation = ++this.#loading;
    if (!task) return;
    try {
      const state = await request("GET", `/v1/tasks/${task}/subscription`);
      if (generation === this.#loading) this.#draw(state);
    } catch (error) {
      if (error.status !== 404) toastError(error); /* 404: an event will say that the task is gone */
    }
  }

  async #set(state) {
    const path = `/v1/tasks/${this.#task}/subscription`;
    try {
      if (state === DEFAULT) await request("DELETE", path);
      else await request("PUT", path, { body: { state } });
    } catch (error) {
      toastError(error);
    }
    await this.#reload();
  }
}
