/*
 * Dragging cards between columns with a mouse, a pen or a long touch.  It uses pointer events because the browser's
 * drag and drop does not work with touch.  The card itself shows where it would be dropped.
 */
const START_PX = 5;
const LONG_TOUCH_MS = 350;
const EDGE_PX = 48;
const SCROLL_PX = 12;

/* on: allowed(), dropped(taskId, {status, before or after}), ended(). */
export function makeDraggable(root, on) {
  const drag = { active: false, justDropped: false };
  let press = null; /* a pointer that is down on a card, and may start a drag */
  let ghost = null;
  let home = null; /* where the card was, to put it back */
  let ticking = 0;

  root.addEventListener("pointerdown", (e) => {
    const card = e.target.closest(".card");
    if (!card || e.button !== 0 || !e.isPrimary || !on.allowed()) return;
    press = { card, id: e.pointerId, x: e.clientX, y: e.clientY, startX: e.clientX, startY: e.clientY };
    if (e.pointerType === "touch") press.timer = setTimeout(begin, LONG_TOUCH_MS);
  });

  root.addEventListener("pointermove", (e) => {
    if (!press || e.pointerId !== press.id) return;
    press.x = e.clientX;
    press.y = e.clientY;
    const far = Math.hypot(press.x - press.startX, press.y - press.startY) > START_PX;
    if (!drag.active && far) {
      if (e.pointerType === "touch") return release();
      begin();
    }
    if (drag.active) follow();
    return undefined;
  });

  root.addEventListener("pointerup", (e) => { if (press && e.pointerId === press.id) finish(true); });
  root.addEventListener("pointercancel", () => { if (press) finish(false); });
  root.addEventListener("touchmove", (e) => { if (drag.active) e.preventDefault(); }, { passive: false });
  document.addEventListener("keydown", (e) => {
    if (e.key !== "Escape" || !drag.active) return;
    e.stopImmediatePropagation();
    finish(false);
  }, true);

  function begin() {
    const { card } = press;
    const box = card.getBoundingClientRect();
    drag.active = true;
    home = { parent: card.parentElement, next: card.nextElementSibling };
    press.dx = press.startX - box.left;
    press.dy = press.startY - box.top;
    ghost = card.cloneNode(true);
    ghost.removeAttribute("data-task");
    ghost.classList.add("ghost");
    ghost.style.setProperty("width", `${box.width}px`);
    document.body.append(ghost);
    card.classList.add("dragging");
    root.setPointerCapture?.(press.id);
    root.classList.add("is-dragging");
    follow();
    ticking = requestAnimationFrame(scroll);
  }

  function follow() {
    ghost.style.setProperty("transform", `translate(${press.x - press.dx}px, ${press.y - press.dy}px) rotate(1.5deg)`);
    const column = columnAt(press.x);
    if (!column) return;
    const others = [...column.children].filter((c) => c !== press.card);
    const middle = (c) => { const b = c.getBoundingClientRect(); return b.top + b.height / 2; };
    const next = others.find((c) => press.y < middle(c)) ?? null;
    if (press.card.parentElement !== column || press.card.nextElementSibling !== next) column.insertBefore(press.card, next);
  }

  function columnAt(x) {
    for (const cards of root.querySelectorAll(".cards")) {
      const box = cards.parentElement.getBoundingClientRect();
      if (x >= box.left && x <= box.right) return cards;
    }
    return null;
  }

  /* Near an edge, scrolls the board sideways and the column up or down. */
  function scroll() {
    if (!drag.active) return;
    const by = (at, low, high) => (at < low + EDGE_PX ? -SCROLL_PX : at > high - EDGE_PX ? SCROLL_PX : 0);
    const box = root.getBoundingClientRect();
    root.scrollLeft += by(press.x, box.left, box.right);
    const column = columnAt(press.x);
    if (column) column.scrollTop += by(press.y, column.getBoundingClientRect().top, box.bottom);
    follow();
    ticking = requestAnimationFrame(scroll);
  }

  function release() {
    clearTimeout(press.timer);
    press = null;
  }

  function finish(keep) {
    const { card } = press;
    release();
    if (!drag.active) return;
    cancelAnimationFrame(ticking);
    ghost.remove();
    card.classList.remove("dragging");
    root.classList.remove("is-dragging");
    drag.active = false;
    drag.justDropped = true; /* ignore the click that follows */
    setTimeout(() => { drag.justDropped = false; });
    const moved = card.parentElement !== home.parent || card.nextElementSibling !== home.next;
    if (keep && moved) on.dropped(card.dataset.task, placeOf(card));
    else home.parent.insertBefore(card, home.next?.parentElement === home.parent ? home.next : null);
    on.ended();
  }

  return drag;
}

function placeOf(card) {
  const { status } = card.parentElement.dataset;
  const before = card.nextElementSibling?.dataset.task;
  const after = card.previousElementSibling?.dataset.task;
  if (before) return { status, before };
  return after ? { status, after } : { status };
}
