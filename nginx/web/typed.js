/*
 * What is typed into forms and not saved yet.  A form is watched from the moment it is filled: whatever differs
 * later is somebody's typing.  Passwords and codes do not count, since nothing is lost with them; nor does a form
 * that is out of sight.
 */
const filled = new Map(); /* form -> its values when it was filled */

const counts = (input) => input.name && input.type !== "password" && input.autocomplete !== "one-time-code";

/* What a form holds by the names of its inputs, as far as it counts. */
export const valuesOf = (form) => Object.fromEntries([...form.elements].filter(counts).map((input) => [input.name, input.value.trim()]));

/* Called when a form was filled, saved or emptied. */
export const watch = (form) => filled.set(form, valuesOf(form));

export function isTyped(form) {
  return filled.has(form) && !form.closest("[hidden], dialog:not([open])") && JSON.stringify(valuesOf(form)) !== JSON.stringify(filled.get(form));
}

/* Whether anything was typed into a form within `root`. */
export const typedWithin = (root) => [...filled.keys()].some((form) => root.contains(form) && isTyped(form));
