/*
 * Offers to take back what the user has just done, in a toast.  There is one offer at a time, about the last change:
 * several moves with the keyboard would otherwise fill the screen with them.
 */
import { toast } from "./dialogs.js";

let withdraw = () => {};

export function offerUndo(words, run) {
  withdraw();
  withdraw = toast(words, { label: "Undo", run });
}
