/* Which of the tasks that are shown are selected.  Views draw it and pass on clicks and keys. */
export class Selection {
  on = false; /* the view shows check boxes */
  #ids = new Set();
  #anchor = null; /* where a range begins */
  #changed;

  /* changed(): called after every change. */
  constructor(changed) {
    this.#changed = changed;
  }

  get ids() { return [...this.#ids]; }
  get size() { return this.#ids.size; }
  has(id) { return this.#ids.has(id); }

  start() {
    if (this.on) return;
    this.on = true;
    this.#changed();
  }

  end() {
    if (!this.on) return;
    this.on = false;
    this.#ids.clear();
    this.#anchor = null;
    this.#changed();
  }

  toggle(id) {
    this.on = true;
    if (!this.#ids.delete(id)) this.#ids.add(id);
    this.#anchor = id;
    this.#changed();
  }

  /* Selects everything from the last task that was toggled to this one; order: the ids as shown. */
  extend(order, id) {
    const ends = [order.indexOf(this.#anchor), order.indexOf(id)].sort((a, b) => a - b);
    if (ends[0] < 0) return this.toggle(id);
    this.on = true;
    for (const each of order.slice(ends[0], ends[1] + 1)) this.#ids.add(each);
    return this.#changed();
  }

  /* A click on a task; false if it does not select, so that it opens the task. */
  click({ shiftKey, ctrlKey, metaKey }, order, id) {
    if (!this.on && !shiftKey && !ctrlKey && !metaKey) return false;
    if (shiftKey) this.extend(order, id);
    else this.toggle(id);
    return true;
  }

  /* Shift and an arrow key move the focus from one task to the next: both are selected. */
  walk(order, from, to) {
    if (!this.has(from)) this.toggle(from);
    this.extend(order, to);
  }

  set(ids) {
    this.#ids = new Set(ids);
    this.#changed();
  }

  /* Drops what is no longer shown; does not call changed(). */
  keep(order) {
    if (!this.#ids.size) return;
    const shown = new Set(order);
    for (const id of this.#ids) if (!shown.has(id)) this.#ids.delete(id);
  }
}
