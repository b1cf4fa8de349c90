/* The numbers in the sidebar (GET /v1/counts), loaded again after changes, and every minute because of the clock. */
import { request } from "./api.js";
import { Refresher } from "./refresher.js";

const SOON_MS = 300;
const PAUSE_MS = 2000;
const EVERY_MS = 60_000;
const COUNTED = ["task", "project", "member", "notification"]; /* entities whose events can change a number */

export class Counts {
  value = null; /* {today, overdue, upcoming, unread, projects, lists}; null: not loaded */
  #changed;
  #user = 0; /* increased when the user changes */
  #refresher = new Refresher(() => this.#load(), { soonMs: SOON_MS, pauseMs: PAUSE_MS });

  /* changed(): called when the numbers are different. */
  constructor(changed) {
    this.#changed = changed;
    setInterval(() => { if (this.value) this.ask(); }, EVERY_MS);
  }

  ask() { this.#refresher.ask(); }

  onEvent({ entity }) {
    if (COUNTED.includes(entity)) this.ask();
  }

  /* The URL of the list that a number counts. */
  async urlOf(name) {
    if (!this.value) await this.#load();
    return this.value.lists[name];
  }

  clear() {
    this.#user++;
    this.value = null;
    this.#refresher.stop();
  }

  async #load() {
    const user = this.#user;
    const value = await request("GET", "/v1/counts");
    if (user !== this.#user) return;
    const same = JSON.stringify(value) === JSON.stringify(this.value);
    this.value = value;
    if (!same) this.#changed();
  }
}
