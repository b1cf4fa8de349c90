/*
 * The addresses of the page's places, each with the open task: #/p/<project>/t/<task>, and #/<list>/t/<project>/<task> for
 * lists across projects: today, overdue, upcoming, f/<saved filter>, filter/<text>.  #/account and #/notifications have no task.
 */
const ID = "[0-9a-f]{24}";
const LIST = `today|overdue|upcoming|f/${ID}|filter/[^/]*`;
const PLACE = new RegExp(`^#/(?:p/(${ID})(?:/t/(${ID}))?|(${LIST})(?:/t/(${ID})/(${ID}))?|(account|notifications))$`);

/* {project, task, list, page}: what the address names. */
export function placeOf(hash) {
  const [, project, task, list, projectOfTask, taskInList, page] = PLACE.exec(hash) ?? [];
  return { project: project ?? projectOfTask, task: task ?? taskInList, list, page };
}

export function hashOf({ project, task, list, page }) {
  if (page) return `#/${page}`;
  if (list) return `#/${list}${task ? `/t/${project}/${task}` : ""}`;
  return project ? `#/p/${project}${task ? `/t/${task}` : ""}` : "#/";
}

export const filterPlace = (text) => ({ list: `filter/${encodeURIComponent(text)}` });

/* What a list shows: {saved: id of a saved filter}, {text: a filter}, or {name: today, overdue or upcoming}. */
export function listOf(list) {
  if (list.startsWith("f/")) return { saved: list.slice(2) };
  if (!list.startsWith("filter/")) return { name: list };
  try {
    return { text: decodeURIComponent(list.slice("filter/".length)) };
  } catch {
    return { text: "" };
  }
}
