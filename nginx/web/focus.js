/*
 * The keyboard's place is never lost: when what has the focus goes away, is hidden or disabled, its nearest
 * neighbour takes the focus over.
 */
const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";
let trail = []; /* the focused element and what it was in: {node, index} from the inside out */

const usable = (e) => e.isConnected && !e.disabled && !e.closest("[inert]") && e.checkVisibility({ visibilityProperty: true });
/* Also when what has the focus is hidden: the browser notices that only when it next draws. */
export const hasNoFocus = () => !document.activeElement || document.activeElement === document.body || !usable(document.activeElement);

function remember(e) {
  trail = [];
  for (let node = e; node !== document.body && node.parentElement; node = node.parentElement) {
    trail.push({ node, index: [...node.parentElement.children].indexOf(node) });
  }
}

const first = (root) => (root?.matches(FOCUSABLE) && usable(root) ? root : [...root?.querySelectorAll(FOCUSABLE) ?? []].find((e) => usable(e) && e.tabIndex >= 0));

/* Where the focus goes: beside where it was, else further out, else to the heading of what is shown. */
function heir() {
  for (let i = 1; i < trail.length; i++) {
    const { node } = trail[i];
    if (["shell", "main", "gate", "account"].includes(node.id)) break;
    if (!usable(node)) continue;
    const { index } = trail[i - 1];
    const found = first(node.children[index]) ?? first(node.children[index - 1]) ?? first(node);
    if (found) return found;
  }
  const views = [document.querySelector("dialog[open]:last-of-type"), "gate", "panel", "account", "main"]
    .map((v) => (typeof v === "string" ? document.getElementById(v) : v)).filter((v) => v && usable(v));
  return views[0]?.querySelector("[tabindex='-1']") ?? first(views[0]);
}

function check() {
  if (!trail.length || !hasNoFocus() || usable(trail[0].node)) return;
  heir()?.focus({ preventScroll: true });
}

export function keepFocusSomewhere() {
  document.addEventListener("focusin", (e) => remember(e.target));
  new MutationObserver(check).observe(document.body, {
    subtree: true, childList: true, attributes: true, attributeFilter: ["hidden", "disabled", "inert", "open"],
  });
}
