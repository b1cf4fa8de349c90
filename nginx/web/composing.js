/*
 * Key presses that an input method handles (such as Enter to accept a candidate) must not trigger anything in the
 * page.  This listener must be the first, so app.js imports this module first.  Safari ends the composition before
 * it sends the key event, which then has key code 229.
 */
window.addEventListener("keydown", (e) => {
  if (e.isComposing || e.keyCode === 229) e.stopImmediatePropagation();
}, true);
