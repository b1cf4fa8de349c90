/*
 * One act of the user's on many tasks: POST /v1/tasks/bulk for what is the same for all, POST /v1/batch for items of lists,
 * deletions, and tasks of projects that require a revision.  Large acts are several requests.
 */
import { request } from "./api.js";
import { problemText } from "./messages.js";

const BULK = 200; /* tasks in one request: the answer comes within seconds */
const BATCH = 100; /* the API's limit */

const parts = (list, size) => Array.from({ length: Math.ceil(list.length / size) }, (_, n) => list.slice(n * size, (n + 1) * size));
const reasonOf = (type, status) => problemText(String(type ?? "").split("/").pop(), status);

/*
 * steps: [{tasks, change or move: the body for all of them}, or {tasks, operation(task): {method, path, body?, baseRev?}}].
 * key: the act's Idempotency-Key.  After a failure (no response, say) the same call with the same key continues: nothing is
 * done twice.  progress(done, all): called after each request.  Resolves to a Map of the tasks that could not be changed: id -> why, for the user.
 */
export async function changeTasks(key, steps, progress = () => {}) {
  const failed = new Map(), all = steps.reduce((sum, { tasks }) => sum + tasks.length, 0);
  let done = 0;
  for (const [n, step] of steps.entries()) {
    const send = step.operation ? sendBatch : sendBulk;
    for (const [m, tasks] of parts(step.tasks, step.operation ? BATCH : BULK).entries()) {
      for (const [id, reason] of await send(`${key}/${n}.${m}`, tasks, step)) failed.set(id, reason);
      progress(done += tasks.length, all);
    }
  }
  return failed;
}

async function sendBulk(key, tasks, { change, move }) {
  const body = { ids: tasks.map(({ id }) => id), ...(change ? { change } : { move }) };
  const { failed } = await request("POST", "/v1/tasks/bulk", { body, key });
  return failed.map(({ id, type, status }) => [id, reasonOf(type, status)]);
}

async function sendBatch(key, tasks, { operation }) {
  const { results } = await request("POST", "/v1/batch", { body: { ops: tasks.map(operation) }, key });
  return results.flatMap(({ status, body }, n) => (status < 400 ? [] : [[tasks[n].id, reasonOf(body?.type, status)]]));
}

/* The steps of one change of all fields that are alike: tasks of projects that require a revision name the one that is shown. */
export function stepsOf(tasks, body, kind, requires) {
  const free = tasks.filter((task) => !requires(task)), bound = tasks.filter(requires);
  const path = (id) => `/v1/tasks/${id}${kind === "move" ? "/move" : ""}`;
  return [
    { tasks: free, [kind]: body },
    { tasks: bound, operation: ({ id, rev }) => ({ method: kind === "move" ? "POST" : "PATCH", path: path(id), body, baseRev: rev }) },
  ].filter(({ tasks: some }) => some.length);
}
