/*
 * Runs something again after changes: soon after the first of them, one run at a time, with a pause in between, so that any
 * number of changes causes a bounded number of requests.  While the page is hidden nothing runs; what was asked for runs
 * when it is shown again.
 */
export class Refresher {
  #work;
  #soonMs;
  #pauseMs;
  #timer = 0;
  #wanted = false;
  #running = false;
  #ended = -Infinity;

  /* work: an async function; its failures are ignored, because the next change asks again. */
  constructor(work, { soonMs, pauseMs }) {
    this.#work = work;
    this.#soonMs = soonMs;
    this.#pauseMs = pauseMs;
    document.addEventListener("visibilitychange", () => this.#plan());
  }

  ask() {
    this.#wanted = true;
    this.#plan();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#wanted = false;
  }

  #plan() {
    if (!this.#wanted || this.#timer || this.#running || document.hidden) return;
    const rest = this.#ended + this.#pauseMs - performance.now();
    this.#timer = setTimeout(() => this.#run(), Math.max(this.#soonMs, rest));
  }

  async #run() {
    this.#timer = 0;
    this.#wanted = false;
    this.#running = true;
    await this.#work().catch(() => {});
    this.#running = false;
    this.#ended = performance.now();
    this.#plan();
  }
}
