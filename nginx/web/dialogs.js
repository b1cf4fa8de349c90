/* Dialogs: questions, conflicting edits, the password, text to copy; and toasts, the short notes at the bottom. */
import { $, busy, clearComplaints, el } from "./dom.js";
import { fieldText } from "./messages.js";
import { typedWithin } from "./typed.js";

const TOAST_MS = 8000;

/* Opens a <dialog> and resolves to the value of the button that closed it.  Esc and Cancel give "", and ask first if there is unsaved input. */
export function ask(dialog) {
  return new Promise((done) => {
    const over = new AbortController();
    const on = (name, f) => dialog.addEventListener(name, f, { signal: over.signal });
    const leave = async () => { if (await mayDiscard(dialog)) dialog.close(""); };
    on("click", (e) => {
      const button = e.target.closest("button");
      if (button?.hasAttribute("data-close")) leave();
      else if (button?.value && button.type === "button") dialog.close(button.value);
    });
    /* Handle the key as well: browsers allow the "cancel" event to be prevented only once. */
    on("keydown", (e) => {
      if (e.key !== "Escape" || !typedWithin(dialog)) return;
      e.preventDefault();
      e.stopPropagation();
      leave();
    });
    on("cancel", (e) => { if (typedWithin(dialog)) { e.preventDefault(); leave(); } });
    on("close", () => { over.abort(); done(dialog.returnValue); });
    dialog.returnValue = "";
    dialog.showModal();
  });
}

/* Asks before unsaved input within `root` is lost; true if there is none or the user discards it. */
export async function mayDiscard(root) {
  return !typedWithin(root) || confirm("Discard your changes?", "What you typed hasn’t been saved.", "Discard");
}

export async function confirm(title, text, yes) {
  const dialog = $("confirm-dialog");
  $("confirm-title").textContent = title;
  $("confirm-text").textContent = text;
  dialog.querySelector("button[value=yes]").textContent = yes;
  return (await ask(dialog)) === "yes";
}

/* rows: [{label, theirs, mine}] as text; name: who made the other change.  Resolves to "theirs", "mine" or "". */
export async function askConflict(rows, name) {
  $("conflict-title").textContent = `${name} changed this task while you were editing it`;
  const body = $("conflict-table").tBodies[0];
  body.replaceChildren(...rows.map((r) =>
    el("tr", {}, el("th", { scope: "row" }, r.label), el("td", { dir: "auto" }, r.theirs || "—"), el("td", { dir: "auto" }, r.mine || "—"))));
  const choice = await ask($("conflict-dialog"));
  return choice === "cancel" ? "" : choice;
}

/* A note that disappears by itself; action {label, run} adds a button such as Undo.  Returns a function that removes it. */
export function toast(text, action) {
  const note = el("div.toast", {}, el("span", {}, text));
  const gone = () => note.remove();
  if (action) {
    note.append(el("button", {
      type: "button",
      onclick: () => { gone(); Promise.resolve(action.run()).catch(toastError); },
    }, action.label));
  }
  const shelf = $("toasts");
  shelf.append(note);
  shelf.hidePopover(); /* hiding and showing it puts it above a dialog that has been opened since */
  shelf.showPopover();
  setTimeout(gone, TOAST_MS);
  return gone;
}

/* texts: messages for this place, by the problem's slug. */
export function toastError(error, texts = {}) {
  if (error.message === "signed out") return;
  const complaints = (error.errors ?? []).map((e) => fieldText(String(e.pointer ?? "").split("/")[1], e.code));
  toast([texts[error.slug] ?? error.message, ...complaints].join(" "));
}

/* Shows text that can no longer be saved, so that the user can copy it. */
export async function offerText(title, explanation, text) {
  $("kept-title").textContent = title;
  $("kept-text").textContent = explanation;
  const area = $("kept-typed");
  area.value = text;
  const shown = ask($("kept-dialog"));
  area.select();
  if (await shown === "copy") {
    area.select();
    await navigator.clipboard?.writeText(text).catch(() => {});
  }
  area.value = "";
}

/*
 * Asks for the password, and for a code if the user has a second factor, before an action that needs a recent
 * login.  Resolves to true once the server has accepted them.
 */
export async function askPassword(send, hasFactor) {
  const dialog = $("step-up-dialog");
  const form = $("step-up-form");
  form.reset();
  clearComplaints(form);
  const { password, code } = form.elements;
  code.closest(".field").hidden = !hasFactor;
  let accepted = false;
  form.onsubmit = (e) => {
    e.preventDefault();
    busy(form, async () => {
      await send({ password: password.value, ...(hasFactor ? { code: code.value.trim() } : {}) });
      accepted = true;
      dialog.close("");
    });
  };
  await ask(dialog);
  form.reset();
  return accepted;
}
