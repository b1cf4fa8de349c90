/* The small windows: a question, a conflict of two edits, and short notes at the bottom ("toasts"). */
import { $, el, sentence } from "./dom.js";

const TOAST_MS = 8000;

/* Opens a <dialog> and resolves to the value of the button that closed it ("" for Esc and Cancel). */
export function ask(dialog) {
  return new Promise((done) => {
    const pick = (e) => {
      const button = e.target.closest("button");
      if (button?.hasAttribute("data-close")) dialog.close("");
      else if (button?.value && button.type === "button") dialog.close(button.value);
    };
    dialog.returnValue = "";
    dialog.addEventListener("click", pick);
    dialog.addEventListener("close", () => {
      dialog.removeEventListener("click", pick);
      done(dialog.returnValue);
    }, { once: true });
    dialog.showModal();
  });
}

export async function confirm(title, text, yes) {
  const dialog = $("confirm-dialog");
  $("confirm-title").textContent = title;
  $("confirm-text").textContent = text;
  dialog.querySelector("button[value=yes]").textContent = yes;
  return (await ask(dialog)) === "yes";
}

/* rows: [{label, theirs, mine}] as texts.  Resolves to "theirs", "mine" or "". */
export async function askConflict(rows) {
  const body = $("conflict-table").tBodies[0];
  body.replaceChildren(...rows.map((r) =>
    el("tr", {}, el("th", { scope: "row" }, r.label), el("td", {}, r.theirs || "—"), el("td", {}, r.mine || "—"))));
  const choice = await ask($("conflict-dialog"));
  return choice === "cancel" ? "" : choice;
}

/* A note that goes away by itself; action {label, run} adds a button (Undo). */
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
  shelf.hidePopover(); /* shown anew it lies above a dialog that was opened since */
  shelf.showPopover();
  setTimeout(gone, TOAST_MS);
}

export function toastError(error) {
  if (error.message !== "signed out") toast([error.message, ...(error.errors ?? []).map((e) => e.detail)].map(sentence).join(" "));
}
