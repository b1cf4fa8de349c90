"""Whether controls can be reached by wheel, touch and the Tab key, and what is wider than the window."""
import time

# Functions for the page.  hit(e): is the middle of e inside the window, with nothing above it?
# grip(e): a visible point of the closest thing around e that might scroll, and how far e is from it.
SCRIPT = """
window.reach ??= (() => {
  const inside = (x, y) => x >= 0 && y >= 0 && x < innerWidth && y < innerHeight;
  const holds = (e, hit) => Boolean(hit) && (e.contains(hit) || hit.contains(e) && hit.closest("label") === hit || e.closest("label")?.contains(hit));
  const middle = (e) => { const b = e.getBoundingClientRect(); return [(b.left + b.right) / 2, (b.top + b.bottom) / 2]; };
  const hit = (e) => { const [x, y] = middle(e); return inside(x, y) && holds(e, document.elementFromPoint(x, y)); };
  const scrolls = (e) => ["auto", "scroll"].includes(getComputedStyle(e).overflowY) && e.scrollHeight > e.clientHeight;
  /* Would a wheel at h move something around e, and not first something else inside of a? */
  const leads = (h, a, e) => {
    if (!h || !a.contains(h)) return false;
    for (; h !== a; h = h.parentElement) if (scrolls(h) && (h === e || !h.contains(e))) return false;
    return true;
  };
  /* Is x beside what can be seen of the things around e? */
  const aside = (e, x) => {
    for (let a = e.parentElement; a; a = a.parentElement) {
      const b = a.getBoundingClientRect();
      if (getComputedStyle(a).overflowX !== "visible" && b.width && (x < b.left || x >= b.right)) return true;
    }
    return x < 0 || x >= innerWidth;
  };
  const grip = (e) => {
    const [tx, ty] = middle(e);
    for (let a = e.parentElement; a; a = a.parentElement) {
      const b = a.getBoundingClientRect();
      for (const fy of [0.5, 0.25, 0.75]) for (const fx of [0.5, 0.2, 0.8]) {
        const [l, r] = [Math.max(b.left, 0), Math.min(b.right, innerWidth)];
        const [t, u] = [Math.max(b.top, 0), Math.min(b.bottom, innerHeight)];
        const [x, y] = [l + (r - l) * fx, t + (u - t) * fy];
        if (r - l > 4 && u - t > 4 && inside(x, y) && leads(document.elementFromPoint(x, y), a, e)) return [x, y, tx - x, ty - y, aside(e, tx)];
      }
    }
    return null;
  };
  const shown = (e) => e.checkVisibility({ visibilityProperty: true }) && !e.closest("[inert]") && !e.closest(".sprite");
  const controls = (root) => [...document.querySelectorAll(root)].flatMap((r) =>
    [...r.querySelectorAll("button, a[href], input, select, textarea, summary")]).filter((e) => shown(e) && e.tabIndex >= 0 && !e.disabled);
  const name = (e) => `${e.tagName.toLowerCase()}${e.id ? "#" + e.id : ""}.${e.className} ${(e.textContent || e.name || e.ariaLabel || "").trim().slice(0, 40)}`;
  const where = (e) => { const [x, y] = middle(e), above = document.elementFromPoint(x, y); return `${name(e)} at ${x}, ${y} under ${above && name(above)}`; };
  const clips = (e) => { for (let a = e.parentElement; a && a !== document.body; a = a.parentElement) if (getComputedStyle(a).overflowX !== "visible") return true; return false; };
  const wide = () => {
    const found = [];
    if (document.documentElement.scrollWidth > innerWidth) found.push(`the page: ${document.documentElement.scrollWidth}`);
    for (const e of document.body.querySelectorAll("*")) {
      if (!shown(e) || e.closest("svg")) continue;
      const style = getComputedStyle(e);
      if (["auto", "scroll"].includes(style.overflowX) && e.scrollWidth > e.clientWidth + 1 && e.id !== "board") found.push(`${name(e)} scrolls sideways`);
      if (e.getBoundingClientRect().right > innerWidth + 1 && !clips(e)) found.push(`${name(e)} ends at ${Math.round(e.getBoundingClientRect().right)}`);
    }
    return found;
  };
  /* What lies outside its own box without a way to scroll to it. */
  const pushed = () => [...document.body.querySelectorAll("*")].filter((e) => (e.scrollTop || e.scrollLeft) && e.tagName !== "INPUT" &&
    getComputedStyle(e).overflowY === "hidden").map(name);
  return { hit, grip, controls, name, where, wide, pushed };
})();
"""


def js(page, script, *arguments):
    return page.driver.execute_script(SCRIPT + script, *arguments)


def controls(page, css):
    """All enabled controls in these parts of the page."""
    return js(page, "return reach.controls(arguments[0])", css)


def wheel(page, x, y, dx, dy):
    page.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {
        "type": "mouseWheel", "x": x, "y": y, "deltaX": dx, "deltaY": dy})


# A finger that rests drags a card.  On a slow machine the steps of a wipe lie as far apart, so timers begun under a wiping finger wait.
WIPING = """
    window.patient ??= ((start) => (window.setTimeout = (work, ms = 0, ...more) => start(work, window.wiping && ms > 100 ? ms + 60000 : ms, ...more)))(window.setTimeout);
    window.wiping = arguments[0];
"""


def finger(page, kind, *points):
    """kind: touchStart, touchMove or touchEnd (without a point)."""
    page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})


RESTS = 0.06  # seconds; a finger that has not moved for 40 ms has no speed (Chromium's velocity_tracker.cc)


def touch(page, x, y, dx, dy):
    """A finger that wipes in a few steps and rests before it is lifted: what it leaves in motion would scroll on by itself, too far."""
    js(page, WIPING, True)
    finger(page, "touchStart", (x, y))
    for step in (0.1, 0.4, 0.7, 1.0):
        finger(page, "touchMove", (x - dx * step, y - dy * step))
    time.sleep(RESTS)
    finger(page, "touchEnd")
    js(page, WIPING, False)


# Resolves once an element has scrolled and come to rest.
SCROLLED = """
    const [css, axis, done] = arguments;
    let last = 0, still = 0;
    const look = () => {
      const now = document.querySelector(css)[axis];
      still = now > 0 && now === last ? still + 1 : 0;
      last = now;
      if (still < 5) requestAnimationFrame(look); else done(now);
    };
    look();
"""


def scrolled(page, css, axis):
    """How far an element has scrolled (axis: scrollLeft or scrollTop), once it has come to rest."""
    return page.driver.execute_async_script(SCROLLED, css, axis)


def scrolled_to(page, element, move, tries=24):
    """Scrolls as a user would until the element can be used; returns a description if it cannot be reached."""
    idle = 0
    for _ in range(tries):
        hit, grip, name, box = js(page, """
            const [e] = arguments, b = e.getBoundingClientRect();
            return [reach.hit(e), reach.grip(e), reach.name(e), [b.left, b.top]]""", element)
        if hit:
            return None
        if grip is None or idle == 3:
            break
        x, y, dx, dy, sideways = grip
        limit = 4000 if move is wheel else 350
        way = min(limit, max(60, abs(dx if sideways else dy)))  # moving a finger less is a tap
        way = -way if (dx if sideways else dy) < 0 else way
        move(page, x, y, *((way, 0) if sideways else (0, way)))
        idle = 0 if settled(page, element, box) else idle + 1
    return f"{name} at {box}, scrolled from {grip}"


def settled(page, element, before):
    """Waits until the element has moved and come to rest; False if it does not move."""
    end = time.monotonic() + 1.5
    last, moved = before, False
    while time.monotonic() < end:
        now = js(page, "const b = arguments[0].getBoundingClientRect(); return [b.left, b.top]", element)
        if now != before:
            if moved and now == last:
                return True
            moved = True
        last = now
        time.sleep(0.02)
    return moved


def unreachable(page, css, move=wheel):
    """The names of controls in these parts of the page that cannot be reached by scrolling."""
    missed, rest = [], controls(page, css)
    while rest:
        rest = js(page, "return arguments[0].filter((e) => !reach.hit(e))", rest)
        name = scrolled_to(page, rest[0], move) if rest else None
        if name:
            missed.append(name)
        rest = rest[1:]
    return missed


def tab_through(page, css, most=200):
    """Presses Tab until all controls have had the focus; returns those that did not get it or were not visible when they had it."""
    js(page, """
        window.reached = new Set(); window.unseen = new Set();
        document.activeElement?.blur();
        window.onReached ??= addEventListener("focusin", (e) => {
          window.reached.add(e.target);
          setTimeout(() => { if (document.activeElement === e.target && !reach.hit(e.target)) window.unseen.add(reach.where(e.target)); }, 0);
        }) ?? true;""")
    missed = "return reach.controls(arguments[0]).filter((e) => !window.reached.has(e)).map((e) => `not reached: ${reach.name(e)}`)"
    for press in range(most):
        if press % 8 == 0 and not js(page, missed, css):
            break
        page.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "rawKeyDown", "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9})
    unseen = "return [...window.unseen].map((e) => `not seen: ${e}`)"
    pushed = "return reach.pushed().map((n) => `scrolled though it cannot: ${n}`)"
    return js(page, missed, css) + js(page, unseen) + js(page, pushed)


def too_wide(page):
    return js(page, "return reach.wide()")
