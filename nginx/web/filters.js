/* The user's saved filters (/v1/filters), kept current, and what is said about a filter that has a mistake or finds less than it names. */
import { everything, request } from "./api.js";
import { el, quote } from "./dom.js";
import { Refresher } from "./refresher.js";

const SOON_MS = 100;
const PAUSE_MS = 500;

export class SavedFilters {
  all = new Map(); /* id -> filter, oldest first */
  loaded = false;
  #changed;
  #user = 0; /* increased when the user changes */
  #refresher = new Refresher(() => this.load(), { soonMs: SOON_MS, pauseMs: PAUSE_MS });

  /* changed(): called when one was made, changed or deleted, here or elsewhere. */
  constructor(changed) {
    this.#changed = changed;
  }

  onEvent({ entity }) { if (entity === "filter") this.ask(); }
  ask() { this.#refresher.ask(); }

  async load() {
    const user = this.#user;
    const items = await everything("/v1/filters?limit=200");
    if (user !== this.#user) return;
    this.all = new Map(items.map((filter) => [filter.id, filter]));
    this.loaded = true;
    this.#changed();
  }

  clear() {
    this.#user++;
    this.#refresher.stop();
    this.all.clear();
    this.loaded = false;
  }

  async create(fields) { return this.#keep(await request("POST", "/v1/filters", { body: fields })); }

  /* Rejects with 412 if the same was changed elsewhere since `filter`. */
  async change(filter, fields) {
    return this.#keep(await request("PATCH", `/v1/filters/${filter.id}`, { body: fields, base: filter.rev }));
  }

  async remove(id) {
    await request("DELETE", `/v1/filters/${id}`);
    this.all.delete(id);
    this.#changed();
  }

  #keep(filter) {
    this.all.set(filter.id, filter);
    this.#changed();
    return filter;
  }
}

/* Where a mistake is; positions count characters as people do, not as JavaScript does. */
export function faultText({ position, expected }, text) {
  const end = position >= [...text].length;
  return `${end ? "At the end" : `At character ${position + 1}`}: expected ${expected}.`;
}

/* The filter with the place of the mistake marked. */
export function faultNodes({ position }, text) {
  const letters = [...text];
  return [letters.slice(0, position).join(""), el("mark", {}, letters.slice(position).join("") || "…")];
}

/* The range of a mistake for setSelectionRange(). */
export const faultRange = ({ position }, text) => [[...text].slice(0, position).join("").length, text.length];

const THINGS = { assignee: "person", creator: "person" };

export const warningText = ({ field, name }) => `There is no ${THINGS[field] ?? field} called ${quote(name)}, so this part of the filter finds nothing.`;
