/* The files of the task in the panel: attach by button or by dropping, download, rename, delete. */
import { everything, request } from "./api.js";
import { confirm, toastError } from "./dialogs.js";
import { $, arrange, el, icon, isolate, keepFocus, quote } from "./dom.js";
import { download, upload } from "./transfer.js";

const TEXTS = {
  "too-large": "This file is too large, or the project has no room for it.",
  "quota-exceeded": "This task has as many files as it can have. Delete one that you no longer need.",
  "bad-parameter": "The file’s name can’t be used. Rename it and try again.",
};
const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"];

/* "1.4 MB" in the browser's language. */
export function sizeText(bytes) {
  let size = bytes, unit = 0;
  for (; size >= 1000 && unit < UNITS.length - 1; unit++) size /= 1000;
  return new Intl.NumberFormat(undefined, {
    style: "unit", unit: UNITS[unit], unitDisplay: unit ? "short" : "long", maximumFractionDigits: unit && size < 10 ? 1 : 0,
  }).format(size);
}

const holdsFiles = (e) => e.dataTransfer?.types.includes("Files");

export class Files {
  #task = null; /* id of the task shown */
  #mayWrite = false;
  #list = $("files");
  #loading = 0;

  constructor(panel) {
    $("files-add").onclick = () => $("files-input").click();
    $("files-input").onchange = (e) => {
      this.#attach([...e.target.files]);
      e.target.value = ""; /* so that the same file can be chosen again */
    };
    panel.addEventListener("dragover", (e) => this.#over(e, true));
    panel.addEventListener("dragleave", (e) => this.#over(e, false));
    panel.addEventListener("drop", (e) => {
      this.#over(e, false);
      if (holdsFiles(e) && this.#task && this.#mayWrite) this.#attach([...e.dataTransfer.files]);
    });
  }

  /* Shows the files of a task; null: the task does not exist yet. */
  show(task, mayWrite) {
    const id = task?.id ?? null;
    const changed = id !== this.#task || mayWrite !== this.#mayWrite;
    if (id !== this.#task) this.clear();
    this.#task = id;
    this.#mayWrite = mayWrite;
    $("files-field").hidden = !id;
    $("files-add").hidden = !mayWrite;
    if (changed && id) this.reload();
  }

  /* Uploads go on in the background, but their rows are gone. */
  clear() {
    this.#task = null;
    this.#loading++;
    this.#list.replaceChildren();
    $("files-field").hidden = true;
  }

  async reload() {
    if (!this.#task) return;
    const generation = ++this.#loading;
    try {
      const items = await everything(`/v1/tasks/${this.#task}/attachments?limit=200`);
      if (generation === this.#loading) this.#draw(items);
    } catch (error) {
      if (error.status !== 404) toastError(error); /* 404: an event will say that the task is gone */
    }
  }

  #over(e, over) {
    if (!holdsFiles(e)) return;
    e.preventDefault(); /* otherwise the browser would open the file instead of the page */
    $("panel").classList.toggle("dropping", over && this.#task !== null && this.#mayWrite);
  }

  #draw(items) {
    const rows = new Map([...this.#list.children].map((row) => [row.dataset.id, row]));
    const wanted = items.map((item) => {
      const known = rows.get(item.id);
      const same = known && known.dataset.rev === String(item.rev) && known.dataset.write === String(this.#mayWrite);
      return same ? known : this.#row(item);
    });
    keepFocus(this.#list, () => arrange(this.#list, [...wanted, ...this.#list.querySelectorAll(".sending")]));
  }

  #row(item) {
    const button = (name, label, run) => el("button.quiet.square", { type: "button", "aria-label": `${label} ${isolate(item.name)}`, title: label, onclick: run }, icon(name));
    const name = el("input", { type: "text", dir: "auto", value: item.name, maxLength: 255, readOnly: !this.#mayWrite, "aria-label": "File name" });
    name.onchange = () => this.#rename(item, name);
    name.onkeydown = (e) => {
      if (e.key !== "Enter") return;
      e.preventDefault(); /* of the task's form */
      name.blur();
    };
    return el("li.file", { dataset: { id: item.id, rev: item.rev, write: this.#mayWrite } }, name,
      el("span.meta", {}, sizeText(item.size)),
      button("download", "Download", () => download(item).catch(toastError)),
      this.#mayWrite && button("trash", "Delete", () => this.#remove(item)));
  }

  async #rename(item, input) {
    const name = input.value.trim();
    if (!name || name === item.name) {
      input.value = item.name;
      return;
    }
    try {
      await request("PATCH", `/v1/attachments/${item.id}`, { body: { name } });
    } catch (error) {
      toastError(error, { invalid: TEXTS["bad-parameter"] });
    }
    this.#list.querySelector(`[data-id="${item.id}"]`)?.setAttribute("data-rev", ""); /* drawn again */
    await this.reload();
  }

  async #remove(item) {
    if (!(await confirm("Delete this file?", `${quote(item.name)} can’t be restored.`, "Delete"))) return;
    await request("DELETE", `/v1/attachments/${item.id}`).catch(toastError);
    await this.reload();
  }

  /* One after the other, so that a user does not take all connections. */
  async #attach(files) {
    const task = this.#task;
    const rows = files.map((file) => this.#sendingRow(file));
    this.#list.append(...rows.map(({ row }) => row));
    for (const { file, row, progress, control } of rows) {
      try {
        if (!control.signal.aborted) {
          await upload(task, file, { signal: control.signal, onProgress: (part) => { progress.value = part; } });
        }
      } catch (error) {
        toastError(error, Object.fromEntries(Object.entries(TEXTS).map(([slug, text]) => [slug, `${quote(file.name)}: ${text}`])));
      }
      row.remove();
      if (this.#task === task) await this.reload();
    }
  }

  #sendingRow(file) {
    const control = new AbortController();
    const label = `Attaching ${isolate(file.name)}`;
    const progress = el("progress", { max: 1, value: 0, "aria-label": label });
    const stop = el("button.quiet.square", { type: "button", "aria-label": `Stop attaching ${isolate(file.name)}`, title: "Stop", onclick: () => control.abort() }, icon("close"));
    return { file, control, progress, row: el("li.file.sending", {}, el("span.clip.grow", { dir: "auto" }, file.name), progress, stop) };
  }
}
