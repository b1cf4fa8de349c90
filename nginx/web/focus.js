/*
 * Keeps the keyboard focus: when the focused element is removed, hidden or disabled, the focus moves to its nearest
 * neighbour instead of falling back to the body.
 */
const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";
let trail = []; /* the focused element and its ancestors, innermost first: {node, index} */

const usable = (e) => e.isConnected && !e.disabled && !e.closest("[inert]") && e.checkVisibility({ visibilityProperty: true });
/* Also true if the focused element is hidden: the browser only notices at the next frame. */
export const hasNoFocus = () => !document.activeElement || document.activeElement === document.body || !usable(document.activeElement);

function remember(e) {
  trail = [];
  for (let node = e; node !== document.body && node.parentElement; node = node.parentElement) {
    trail.push({ node, index: [...node.parentElement.children].indexOf(node) });
  }
}

const first = (root) => (root?.matches(FOCUSABLE) && usable(root) ? root : [...root?.querySelectorAll(FOCUSABLE) ?? []].find((e) => usable(e) && e.tabIndex >= 0));

/* The element that gets the focus: a neighbour of the lost one, else one further out, else the heading of the view. */
function successor() {
  for (let i = 1; i < trail.length; i++) {
    const { node } = trail[i];
    if (["shell", "main", "gate", "account", "overview", "notifications"].includes(node.id)) break;
    if (!usable(node)) continue;
    const { index } = trail[i - 1];
    const found = first(node.children[index]) ?? first(node.children[index - 1]) ?? first(node);
    if (found) return found;
  }
  const views = [document.querySelector("dialog[open]:last-of-type"), "gate", "panel", "account", "overview", "notifications", "main"]
    .map((v) => (typeof v === "string" ? document.getElementById(v) : v)).filter((v) => v && usable(v));
  return views[0]?.querySelector("[tabindex='-1']") ?? first(views[0]);
}

function check() {
  if (!trail.length || !hasNoFocus() || usable(trail[0].node)) return;
  successor()?.focus({ preventScroll: true });
}

export function keepFocusSomewhere() {
  document.addEventListener("focusin", (e) => remember(e.target));
  new MutationObserver(check).observe(document.body, {
    subtree: true, childList: true, attributes: true, attributeFilter: ["hidden", "disabled", "inert", "open"],
  });
}
