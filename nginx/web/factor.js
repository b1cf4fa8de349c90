/* Two-factor authentication: setting it up with an authenticator app, and turning it off. */
import { request } from "./api.js";
import { $, busy, clearComplaints, complain, el, svg } from "./dom.js";
import { momentText } from "./dates.js";
import { REQUIRED } from "./messages.js";
import { qrCode } from "./qr.js";
import { session } from "./session.js";

let step = "start"; /* "start"; "code": waiting for the first code; "recovery": showing the recovery codes */

/* Shows the form for the current step; `anew` discards an unfinished set-up. */
export function renderFactor(anew) {
  if (anew) {
    step = "start";
    for (const secret of ["factor-secret", "factor-qr", "factor-uri-text", "recovery-codes"]) $(secret).replaceChildren();
    $("factor-uri").removeAttribute("href");
  }
  if (!session.user) return;
  const since = session.user.totpEnabledAt;
  $("factor-text").textContent = since
    ? `On since ${momentText(since)}. You need a code from your phone to log in.`
    : "Off. When it’s on, you need your password and a code from your phone to log in.";
  for (const label of document.querySelectorAll(".field.armed")) label.hidden = !since;
  $("factor-password").hidden = step !== "start";
  $("factor-code").hidden = step !== "code";
  $("factor-recovery").hidden = step !== "recovery";
  $("factor-password").querySelector("button").textContent = since ? "Turn off" : "Set up";
}

/* Dark squares on white in both themes: not every app can read an inverted code. */
function drawCode(text) {
  const squares = qrCode(text);
  $("factor-qr").hidden = !squares;
  if (!squares) return;
  const dark = squares.flatMap((row, y) => row.map((on, x) => (on ? `M${x} ${y}h1v1h-1z` : "")));
  const side = squares.length + 8; /* four squares of white around it */
  $("factor-qr").replaceChildren(svg("svg", { viewBox: `-4 -4 ${side} ${side}`, "shape-rendering": "crispEdges" },
    svg("path", { d: dark.join("") })));
}

async function begin(form) {
  const { secret, uri } = await request("POST", "/v1/me/totp", { body: { password: form.elements.password.value } });
  form.reset();
  $("factor-secret").textContent = secret.match(/.{1,4}/g).join(" ");
  drawCode(uri);
  $("factor-uri").href = uri;
  $("factor-uri-text").textContent = uri;
  step = "code";
  renderFactor(false);
  $("factor-code").elements.code.focus();
}

async function turnOff(form) {
  const { password, code } = form.elements;
  await request("DELETE", "/v1/me/totp", { body: { password: password.value, code: code.value.trim() } });
  form.reset();
  session.setUser(await request("GET", "/v1/me"));
  form.querySelector(".said").textContent = "Turned off";
}

async function confirmCode(form) {
  const { recoveryCodes } = await request("PUT", "/v1/me/totp", { body: { code: form.elements.code.value.trim() } });
  form.reset();
  renderFactor(true);
  step = "recovery";
  $("recovery-codes").replaceChildren(...recoveryCodes.map((code) => el("li", {}, el("code", {}, code))));
  session.setUser(await request("GET", "/v1/me"));
  $("recovery-codes").focus();
}

function onSubmit(form, work) {
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    clearComplaints(form);
    const empty = [...form.querySelectorAll("input")].find((input) => !input.closest("[hidden]") && !input.value.trim());
    if (!empty) busy(form, () => work(form), { texts: { "bad-credentials": form.id === "factor-code" ? "This code is wrong or has expired." : "Wrong password or code." } });
    else { complain(empty, REQUIRED); empty.focus(); }
  });
}

export function setUpFactor() {
  const again = () => { renderFactor(true); $("factor-password").elements.password.focus(); };
  onSubmit($("factor-password"), (form) => (session.user.totpEnabledAt ? turnOff(form) : begin(form)));
  onSubmit($("factor-code"), confirmCode);
  $("factor-password").addEventListener("input", (e) => { e.currentTarget.querySelector(".said").textContent = ""; });
  $("factor-cancel").onclick = again;
  $("recovery-done").onclick = again;
}
