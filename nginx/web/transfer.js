/*
 * Sending and receiving files.  fetch() cannot report the progress of an upload, so XMLHttpRequest sends it.  An upload
 * that may have been lost is repeated with the same key, so the file is attached only once.
 */
import { Problem, uuid } from "./api.js";
import { session } from "./session.js";

const TRIES = 4;
const LOST = new Set([0, 502, 503, 504]); /* no response, or it may not have been carried out */

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/* One attempt; resolves to {status, body}, also when there was no response (status 0). */
async function send(path, file, key, { onProgress, signal }) {
  const xhr = new XMLHttpRequest();
  xhr.open("POST", path);
  xhr.setRequestHeader("Authorization", `Bearer ${await session.token()}`);
  xhr.setRequestHeader("Idempotency-Key", key);
  xhr.setRequestHeader("Content-Type", file.type || "application/octet-stream");
  xhr.upload.onprogress = (e) => { if (e.lengthComputable) onProgress(e.loaded / e.total); };
  signal.addEventListener("abort", () => xhr.abort());
  return new Promise((done) => {
    xhr.onloadend = () => done({ status: xhr.status, body: parse(xhr.responseText) });
    xhr.send(file);
  });
}

/*
 * Attaches a File to a task and resolves to the attachment, or to null if `signal` aborted it.  Rejects with a Problem.
 * onProgress: called with the part that is sent, 0 to 1.
 */
export async function upload(taskId, file, options) {
  const path = `/v1/tasks/${taskId}/attachments?name=${encodeURIComponent(file.name)}`;
  const key = uuid();
  let renewed = false;
  for (let attempt = 1; ; attempt++) {
    const { status, body } = await send(path, file, key, options);
    if (options.signal.aborted) return null;
    if (status === 201) return body;
    if (status === 401 && !renewed) {
      renewed = true;
      await session.refresh();
      continue;
    }
    const problem = new Problem(status, body);
    const mayRepeat = LOST.has(status) || status === 429 || problem.slug === "in-progress";
    if (!mayRepeat || attempt === TRIES) throw problem;
    await pause(1000 * attempt);
  }
}

/* Downloads an attachment as a file with its name; by: who is asked for tokens, the user's session or a share link's. */
export async function download({ id, name }, by = session) {
  const get = async () => {
    const headers = { Authorization: `Bearer ${await by.token()}` };
    return fetch(`/v1/attachments/${id}/content`, { headers, cache: "no-store" }).catch(() => { throw new Problem(0, null); });
  };
  let reply = await get();
  if (reply.status === 401) {
    await by.refresh();
    reply = await get();
  }
  if (!reply.ok) throw new Problem(reply.status, parse(await reply.text()));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await reply.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); /* the browser may still be reading it */
}
