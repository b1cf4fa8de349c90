/*
 * A list of tasks across projects, as the API gives it: page by page, and again after changes.  A page of the API may be short, or
 * empty, although the list goes on.  At most MOST tasks are shown, so that loading them again is a bounded number of requests.
 */
import { request } from "./api.js";
import { Refresher } from "./refresher.js";

const PAGE = 100;
const LARGEST = 200; /* most items of one page of the API */
const MOST = 1000;
const PAGES = 10; /* most requests for one reading */
const SOON_MS = 250;
const PAUSE_MS = 1000;
const IDS = 100; /* most ids of one request for names */

export class TaskList {
  items = [];
  warnings = [];
  more = false; /* the list goes on */
  full = false; /* MOST tasks are shown */
  loaded = false;
  problem = null; /* why it could not be loaded */
  people = new Map(); /* user id -> {name}, of those assigned */
  looks = 0; /* incremented when a name is new */
  #path = null;
  #cursor = null;
  #shown = PAGE;
  #generation = 0;
  #reading = 0; /* requests that are running */
  #changed;
  #refresher = new Refresher(() => this.#read(), { soonMs: SOON_MS, pauseMs: PAUSE_MS });

  constructor(changed) {
    this.#changed = changed;
  }

  get path() { return this.#path; }

  /* Shows the list at a path of the API, which has a "?"; null: none. */
  async open(path) {
    this.#generation++;
    this.#path = path;
    Object.assign(this, { items: [], warnings: [], more: false, full: false, loaded: false, problem: null });
    this.#shown = PAGE;
    this.#cursor = null;
    this.#changed();
    if (path) await this.#read();
  }

  clear() {
    this.#refresher.stop();
    this.open(null);
    this.people.clear();
  }

  /* Something has changed that the list may depend on. */
  ask() { if (this.#path) this.#refresher.ask(); }

  async showMore() {
    if (!this.more || this.full) return;
    this.#shown = Math.min(MOST, this.items.length + PAGE);
    if (this.#reading) this.ask();
    else await this.#read(this.items, this.#cursor);
  }

  /* Reads what is shown, from the beginning, or what follows `items`. */
  async #read(items = [], cursor = null) {
    const mine = ++this.#generation;
    this.#reading++;
    try {
      const read = await this.#pages(mine, items, cursor);
      if (mine !== this.#generation) return;
      await this.#learnNames(read.items);
      if (mine !== this.#generation) return;
      Object.assign(this, { items: read.items, warnings: read.warnings, loaded: true, problem: null, more: read.cursor !== null, full: read.items.length >= MOST });
      this.#cursor = read.cursor;
    } catch (error) {
      if (mine !== this.#generation || error.message === "signed out") return;
      this.problem = error;
      this.loaded = true;
    } finally {
      this.#reading--;
    }
    this.#changed();
  }

  async #pages(mine, before, from) {
    const items = new Map(before.map((task) => [task.id, task])); /* a task that moved in between appears once */
    let cursor = from, warnings = this.warnings;
    for (let page = 0; page < PAGES && mine === this.#generation; page++) {
      const limit = Math.min(LARGEST, this.#shown - items.size);
      const reply = await request("GET", `${this.#path}&limit=${limit}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
      for (const task of reply.items) items.set(task.id, task);
      warnings = reply.warnings ?? [];
      cursor = reply.nextCursor;
      if (cursor === null || items.size >= this.#shown) break;
    }
    return { items: [...items.values()], warnings, cursor };
  }

  async #learnNames(items) {
    const unknown = [...new Set(items.flatMap((task) => task.assigneeIds))].filter((id) => !this.people.has(id));
    for (let at = 0; at < unknown.length; at += IDS) {
      const { items: found } = await request("GET", `/v1/users?ids=${unknown.slice(at, at + IDS).join(",")}`);
      for (const { id, name } of found) this.people.set(id, { name });
    }
    for (const id of unknown) if (!this.people.has(id)) this.people.set(id, {}); /* has left: do not ask again */
    if (unknown.length) this.looks++;
  }
}
