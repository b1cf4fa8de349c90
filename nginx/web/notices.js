/* The page of unread notifications. */
import { request } from "./api.js";
import { momentText } from "./dates.js";
import { toastError } from "./dialogs.js";
import { $, arrange, el, icon, isolate, quote } from "./dom.js";
import { Refresher } from "./refresher.js";

const SHOWN = 100;
const WORDS = {
  assigned: (title) => `You were assigned to ${title}.`,
  mentioned: (title) => `You were mentioned in ${title}.`,
  commented: (title) => `There is a new comment on ${title}.`,
  statusChanged: (title) => `The status of ${title} changed.`,
  dueSoon: (title) => `${title} is due soon.`,
  overdue: (title) => `${title} is overdue.`,
  reminder: (title) => `Reminder: ${title}.`,
  invited: (title) => `You’re invited to join ${title}.`,
};
const wordsOf = ({ kind, title }) => (WORDS[kind] ?? ((t) => `News about ${t}.`))(title ? quote(title) : "a task");

export class Notices {
  #items = [];
  #more = false;
  #loaded = false;
  #user = 0; /* increased when the user changes */
  #act;
  #refresher = new Refresher(() => this.#load(), { soonMs: 200, pauseMs: 1000 });

  /* act: changed(), projectName(id), open(project, task), read(): some were marked as read. */
  constructor(act) {
    this.#act = act;
    $("notices-read").onclick = () => this.#read(null).catch(toastError);
  }

  open() { return this.#load().catch(toastError); }
  onEvent({ entity }) { if (entity === "notification" && this.#loaded) this.#refresher.ask(); }

  clear() {
    this.#user++;
    this.#refresher.stop();
    this.#items = [];
    this.#loaded = false;
    $("notices-list").replaceChildren();
  }

  async #load() {
    const user = this.#user;
    const { items, nextCursor } = await request("GET", `/v1/notifications?read=false&limit=${SHOWN}`);
    if (user !== this.#user) return;
    this.#items = items;
    this.#more = nextCursor !== null;
    this.#loaded = true;
    this.#act.changed();
  }

  /* Marks one, or with null all, as read. */
  async #read(notice) {
    if (notice) await request("PATCH", `/v1/notifications/${notice.id}`, { body: { read: true } });
    else await request("POST", "/v1/notifications/read");
    this.#act.read();
    await this.#load();
  }

  #open(notice) {
    this.#read(notice).catch(toastError);
    this.#act.open(notice.projectId, notice.taskId);
  }

  render() {
    $("notices-read").hidden = !this.#items.length;
    $("notices-note").textContent = !this.#loaded ? "Loading…" : !this.#items.length ? "No new notifications." : this.#more ? `The newest ${SHOWN} are shown.` : "";
    arrange($("notices-list"), this.#items.map((notice) => this.#row(notice)));
  }

  #row(notice) {
    const text = el("span.grow", {}, wordsOf(notice), " ", el("small.meta", {}, [this.#act.projectName(notice.projectId), momentText(notice.createdAt)].filter(Boolean).map(isolate).join(" · ")));
    return el("li", {},
      notice.taskId ? el("button.quiet.notice", { type: "button", onclick: () => this.#open(notice) }, text) : el("span.notice", {}, text),
      el("button.quiet.square", { type: "button", title: "Mark as read", "aria-label": `Mark as read: ${wordsOf(notice)}`, onclick: () => this.#read(notice).catch(toastError) }, icon("check")));
  }
}
