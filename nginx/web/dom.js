/*
 * Creates and fills elements.  Data enters the page as text, never as HTML, so nothing a user typed can become
 * markup.
 */
import { fieldText } from "./messages.js";

const SVG = "http://www.w3.org/2000/svg";

export const $ = (id) => document.getElementById(id);

/* el("li.task.done", {role: "listitem", onclick: f, dataset: {id}}, "text", child, …) */
export function el(kind, props = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(props)) set(node, name, value);
  node.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

function set(node, name, value) {
  if (value === null || value === undefined) return;
  if (name === "dataset") Object.assign(node.dataset, value);
  else if (name in node && !name.startsWith("aria")) node[name] = value;
  else if (value === true) node.setAttribute(name, "");
  else if (value !== false) node.setAttribute(name, value);
}

export function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export const icon = (name) => svg("svg", { class: "icon", "aria-hidden": "true" }, svg("use", { href: `#i-${name}` }));

/* The same small number for the same id, to pick a colour of the palette. */
export function hue(id) {
  let sum = 0;
  for (const c of String(id)) sum = (sum * 31 + c.charCodeAt(0)) >>> 0;
  return sum % 8;
}

/* `label`: the tooltip and accessible name, if it is more than the name. */
export function avatar(id, name, label = name) {
  const words = String(name || "?").trim().split(/\s+/);
  const letters = [...(words[0] ?? "?")][0] + (words.length > 1 ? [...words.at(-1)][0] : "");
  return el("span.avatar", { dataset: { hue: hue(id) }, title: label, role: "img", "aria-label": label }, letters.toUpperCase());
}

/* Moving an element takes the focus away from it: gives it back. */
export function keepFocus(root, work) {
  const held = document.activeElement;
  work();
  if (held !== document.activeElement && root.contains(held)) held.focus({ preventScroll: true });
}

/* Makes `parent` hold exactly `nodes`, moving as little as possible. */
export function arrange(parent, nodes) {
  const keep = new Set(nodes);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  let at = parent.firstElementChild;
  for (const node of nodes) {
    if (node === at) at = at.nextElementSibling;
    else parent.insertBefore(node, at);
  }
}

/* ---- forms ---- */

export function clearComplaints(form) {
  for (const note of form.querySelectorAll(".complaint")) note.remove();
  for (const bad of form.querySelectorAll("[aria-invalid]")) {
    bad.removeAttribute("aria-invalid");
    bad.removeAttribute("aria-describedby");
  }
  const general = form.querySelector(".form-error");
  general.hidden = true;
  general.textContent = "";
}

/*
 * Shows a problem: each field's error beside its input, found by the first segment of its pointer; anything else
 * below the form.  texts: messages of this form, by the problem's slug.
 */
export function showProblem(form, error, { aliases = {}, texts = {} } = {}) {
  clearComplaints(form);
  let general = error.errors?.length ? "" : texts[error.slug] ?? error.message;
  for (const { pointer, code } of error.errors ?? []) {
    const name = String(pointer ?? "").replace(/^#?\//, "").split("/")[0];
    const input = form.elements[aliases[name] ?? name] ?? form.querySelector(`[data-field="${CSS.escape(name)}"]`);
    if (input instanceof Element) complain(input, fieldText(name, code));
    else general = texts[error.slug] ?? error.message;
  }
  if (general) {
    const line = form.querySelector(".form-error");
    line.textContent = general;
    line.hidden = false;
  }
  form.querySelector("[aria-invalid]")?.focus?.();
}

let notes = 0;

/* A name in any script within one of our sentences: keeps its own text direction (U+2068, U+2069). */
export const isolate = (name) => `\u2068${name}\u2069`;
export const quote = (name) => `“${isolate(name)}”`;

export function complain(input, text) {
  const note = el("small.complaint", { id: `complaint-${++notes}` }, text);
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-describedby", note.id);
  input.after(note);
}

/* Disables a form's button while `work` runs, so that a double click counts once. */
export async function busy(form, work, options) {
  const button = form.querySelector("button[type=submit]");
  if (form.hasAttribute("aria-busy")) return;
  clearComplaints(form);
  button?.setAttribute("aria-disabled", "true"); /* `disabled` would drop the focus */
  form.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    if (error.message !== "signed out") showProblem(form, error, options);
  } finally {
    button?.removeAttribute("aria-disabled");
    form.removeAttribute("aria-busy");
  }
}
