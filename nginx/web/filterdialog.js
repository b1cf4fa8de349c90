/* The dialog that saves a filter under a name, changes it, or deletes it. */
import { ask, confirm, toast } from "./dialogs.js";
import { $, busy, clearComplaints, complain, quote } from "./dom.js";
import { faultRange, faultText } from "./filters.js";
import { watch } from "./typed.js";

/*
 * Saves a filter; saved: the one to change, or null for a new one; shown: {filter, sort} as in the page.
 * Resolves to the saved filter, "deleted", or null.
 */
export async function editFilter(filters, saved, shown) {
  const dialog = $("filter-dialog"), form = $("filter-dialog-form"), { name, filter } = form.elements;
  let result = null;
  form.reset();
  clearComplaints(form);
  $("filter-dialog-title").textContent = saved ? "Saved filter" : "Save filter";
  $("filter-delete").hidden = !saved;
  name.value = saved?.name ?? "";
  filter.value = shown.filter;
  watch(form);
  const save = async () => {
    const fields = { name: name.value.trim(), filter: filter.value.trim(), sort: shown.sort };
    try {
      result = await (saved ? filters.change(saved, fields) : filters.create(fields));
      watch(form);
      dialog.close("");
    } catch (error) {
      if (!error.fault) throw error;
      complain(filter, faultText(error.fault, fields.filter));
      filter.focus();
      filter.setSelectionRange(...faultRange(error.fault, fields.filter));
    }
  };
  form.onsubmit = (e) => {
    e.preventDefault();
    busy(form, save, { texts: { stale: "This filter was changed elsewhere. Close this and open it again." } });
  };
  $("filter-delete").onclick = () => busy(form, async () => {
    if (!(await confirm("Delete this filter?", `${quote(saved.name)} will be removed from your list. No task is changed.`, "Delete"))) return;
    await filters.remove(saved.id);
    watch(form);
    dialog.close("");
    toast(`${quote(saved.name)} was deleted.`);
    result = "deleted";
  });
  const done = ask(dialog);
  name.focus();
  await done;
  form.reset();
  return result;
}
