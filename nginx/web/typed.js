/*
 * Unsaved input in forms.  watch() records a form's values; any later difference is unsaved input.  Passwords and
 * codes do not count, because nothing is lost with them, and neither do forms that are hidden.
 */
const filled = new Map(); /* form -> its values when watch() was called */

const counts = (input) => input.name && input.type !== "password" && input.autocomplete !== "one-time-code";

/* A form's values by input name, without passwords and codes. */
export const valuesOf = (form) => Object.fromEntries([...form.elements].filter(counts).map((input) => [input.name, input.value.trim()]));

/* To be called after a form was filled, saved or cleared. */
export const watch = (form) => filled.set(form, valuesOf(form));

export function isTyped(form) {
  return filled.has(form) && !form.closest("[hidden], dialog:not([open])") && JSON.stringify(valuesOf(form)) !== JSON.stringify(filled.get(form));
}

/* Whether a form within `root` has unsaved input. */
export const typedWithin = (root) => [...filled.keys()].some((form) => root.contains(form) && isTyped(form));
