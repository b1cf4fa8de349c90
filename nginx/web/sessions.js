/* The list of the user's sessions, and logging them out. */
import { everything, request } from "./api.js";
import { momentText } from "./dates.js";
import { toastError } from "./dialogs.js";
import { $, el } from "./dom.js";
import { session } from "./session.js";

const BROWSERS = [[/Edg\w*\//, "Edge"], [/OPR\//, "Opera"], [/Firefox\//, "Firefox"], [/Chrome\//, "Chrome"], [/Safari\//, "Safari"]];
const SYSTEMS = [[/Android/, "Android"], [/iPhone|iPad/, "iOS"], [/Windows/, "Windows"], [/Mac OS X/, "macOS"], [/CrOS/, "ChromeOS"], [/Linux/, "Linux"]];
const STEPS = [["day", 86400], ["hour", 3600], ["minute", 60]];
let generation = 0;

/* "Firefox on Windows" for a user agent; a name chosen by the user is shown as it is. */
function deviceName(device) {
  const [browser, system] = [BROWSERS, SYSTEMS].map((list) => list.find(([mark]) => mark.test(device))?.[1]);
  return browser ? [browser, system].filter(Boolean).join(" on ") : device || "Unnamed device";
}

function ago(at) {
  const seconds = (Date.now() - new Date(at)) / 1000;
  const [unit, size] = STEPS.find(([, each]) => seconds >= each) ?? [];
  return unit ? new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(-Math.floor(seconds / size), unit) : "just now";
}

function row(each) {
  const name = deviceName(each.device);
  const seen = el("time", { dateTime: each.lastUsedAt, title: momentText(each.lastUsedAt) }, ago(each.lastUsedAt));
  return el("li", { dataset: { session: each.id } },
    el("span.grow.stack", {}, el("strong.clip", { dir: "auto", title: each.device }, name),
      el("small", {}, each.ip ? `${each.ip}, last active ` : "Last active ", seen)),
    each.current ? el("span.badge", { dataset: { good: "true" } }, "This browser")
      : el("button", { type: "button", "aria-label": `Log out ${name}`, onclick: (e) => end(e.target, `/v1/sessions/${each.id}`) }, "Log out"));
}

export async function renderSessions() {
  const mine = ++generation;
  const items = await everything("/v1/sessions?limit=200").catch((error) => { toastError(error); return null; });
  if (mine !== generation || !items || !session.user) return;
  items.sort((a, b) => b.current - a.current || (a.lastUsedAt < b.lastUsedAt ? 1 : -1));
  $("sessions").replaceChildren(...items.map(row));
  $("end-others").hidden = items.length < 2;
}

/* Ends a session; one that has already ended is not an error. */
async function end(button, path) {
  button.disabled = true;
  try {
    await request("DELETE", path);
  } catch (error) {
    if (error.status !== 404) toastError(error);
  }
  await renderSessions();
  button.disabled = false;
  $("sessions-title").focus();
}

export function setUpSessions() {
  $("end-others").onclick = (e) => end(e.target, "/v1/sessions");
}
