/* The page before the door: log in and sign up. */
import { request } from "./api.js";
import { $, busy, clearComplaints, complain } from "./dom.js";
import { session } from "./session.js";

const REQUIRED = "Please fill this in.";

function choose(name) {
  for (const each of ["login", "signup"]) {
    $(each).hidden = each !== name;
    $(`tab-${each}`).setAttribute("aria-selected", String(each === name));
    $(`tab-${each}`).tabIndex = each === name ? 0 : -1;
  }
}

/* What needs no server to be wrong; the server judges the rest. */
function complete(form) {
  clearComplaints(form);
  for (const input of form.querySelectorAll("input[required]")) {
    if (!input.value.trim()) complain(input, REQUIRED);
    else if (input.autocomplete === "new-password" && [...input.value].length < 12) {
      complain(input, "At least 12 characters, please.");
    }
  }
  const bad = form.querySelector("[aria-invalid]");
  bad?.focus();
  return !bad;
}

/* "+49 (170) 123-45" is how people write what the server wants as +4917012345. */
const plainPhone = (text) => (/^[+\d][\d\s().\/-]+$/.test(text.trim()) ? text.replace(/[\s().\/-]/g, "") : text.trim());

function send(form, path, body, then) {
  if (!complete(form)) return;
  busy(form, async () => {
    const reply = await request("POST", path, { body: body(form.elements), open: true });
    session.adopt(reply);
    form.reset();
    await then();
  });
}

/* Wires the forms; `then` opens the shell after a success. */
export function setUpGate(then) {
  for (const each of ["login", "signup"]) {
    $(`tab-${each}`).onclick = () => { choose(each); $(each).elements[0].focus(); };
    $(`tab-${each}`).onkeydown = (e) => {
      if (e.key !== "ArrowLeft" && e.key !== "ArrowRight") return;
      const other = each === "login" ? "signup" : "login";
      choose(other);
      $(`tab-${other}`).focus();
    };
  }
  $("login").onsubmit = (e) => {
    e.preventDefault();
    send(e.target, "/v1/sessions", (f) => ({ login: plainPhone(f.login.value), password: f.password.value }), then);
  };
  $("signup").onsubmit = (e) => {
    e.preventDefault();
    send(e.target, "/v1/users", (f) => ({
      name: f.name.value.trim(),
      email: f.email.value.trim(),
      phone: plainPhone(f.phone.value),
      password: f.password.value,
    }), then);
  };
}

export function showGate(why) {
  $("gate").hidden = false;
  $("shell").hidden = $("boot").hidden = true;
  choose("login");
  const line = $("login").querySelector(".form-error");
  line.textContent = why ?? "";
  line.hidden = !why;
  $("login").elements.login.focus();
}
