/*
 * The Enter (or Escape, or arrow) that ends an input method's composition belongs to the input method.  This
 * listener comes before all others, so app.js imports this module first.  Safari ends a composition before it
 * tells of the key, which then has code 229.
 */
window.addEventListener("keydown", (e) => {
  if (e.isComposing || e.keyCode === 229) e.stopImmediatePropagation();
}, true);
