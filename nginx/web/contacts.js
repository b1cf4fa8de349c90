/* The account's email address and phone number: confirming them with a code, and changing them. */
import { request } from "./api.js";
import { busy, clearComplaints, complain, el } from "./dom.js";
import { REQUIRED } from "./messages.js";
import { session } from "./session.js";
import { watch } from "./typed.js";

const field = (label, props) => el("label.field", {}, el("span", {}, label), el("input", { required: true, ...props }));
const error = () => el("p.form-error", { role: "alert", hidden: true });

const TEXTS = { throttled: "You’ve requested too many codes. Try again later." };

export class Contact {
  #of;
  #value = el("strong.clip", { dir: "auto" });
  #badge = el("span.badge");
  #note = el("p.hint", { role: "status" });
  #change = el("button", { type: "button", onclick: () => this.#open() }, "Change");
  #send = el("button", { type: "button", onclick: () => this.#sendCode() }, "Send a code");
  #cancel = el("button", { type: "button", onclick: () => this.#open(true) }, "Cancel change");
  #armed = field("Code from your authenticator app", { name: "code", autocomplete: "one-time-code", maxLength: 40 });
  #code;
  #edit;
  #asked = false; /* a code has been sent since the page was opened */
  #keeps = false; /* the form that is open cancels a change */

  /* of: {kind, label, noun, type, plain(typed): the value to send, sent(to): the text once a code has been sent} */
  constructor(root, of) {
    this.#of = of;
    this.#code = el("form", { noValidate: true, onsubmit: (e) => this.#submit(e, () => this.#confirm()) },
      field(`Code for your ${of.kind}`, { name: "code", inputMode: "numeric", autocomplete: "one-time-code", maxLength: 6 }),
      error(), el("footer", {}, this.#cancel, this.#send, el("button.primary", { type: "submit" }, "Confirm")));
    this.#edit = el("form", { noValidate: true, hidden: true, onsubmit: (e) => this.#submit(e, () => this.#save()) },
      field(`New ${of.kind}`, { name: of.kind, type: of.type, autocomplete: of.type }),
      field("Your password", { name: "password", type: "password", autocomplete: "current-password" }),
      this.#armed,
      error(), el("footer", {}, el("button", { type: "button", onclick: () => { this.close(); this.#change.focus(); } }, "Cancel"),
        el("button.primary", { type: "submit" }, "Save")));
    root.append(
      el("div.contact-row", {}, el("span.grow.stack", {}, el("small", {}, of.label), this.#value), this.#badge, this.#change),
      this.#note, this.#code, this.#edit);
  }

  get #pending() { return session.user[this.#of.kind === "email" ? "pendingEmail" : "pendingPhone"]; }
  get #confirmed() { return session.user[this.#of.kind === "email" ? "emailVerifiedAt" : "phoneVerifiedAt"] !== null; }
  /* Another account has confirmed this address or number, so this account no longer has it. */
  get #lost() { return session.user[this.#of.kind].startsWith("released:"); }

  render() {
    const waits = Boolean(this.#pending) || (!this.#confirmed && !this.#lost);
    this.#value.textContent = this.#value.title = this.#lost ? "None" : session.user[this.#of.kind];
    this.#badge.textContent = this.#confirmed ? "Confirmed" : "Not confirmed";
    this.#badge.dataset.good = String(this.#confirmed);
    this.#code.hidden = !waits || !this.#edit.hidden;
    this.#cancel.hidden = !this.#pending || this.#lost;
    this.#send.textContent = this.#asked || this.#pending || this.#of.kind === "email" ? "Send another code" : "Send a code";
    if (!waits) this.#asked = false;
    this.#note.textContent = this.#words(waits);
    this.#note.hidden = !this.#note.textContent;
  }

  #words(waits) {
    if (this.#lost && !this.#pending && this.#edit.hidden) return `The ${this.#of.noun} that was here now belongs to another account. Enter a new one.`;
    if (this.#keeps && !this.#edit.hidden) return `Enter your password to keep ${session.user[this.#of.kind]}.`;
    if (!waits || !this.#edit.hidden) return "";
    if (this.#asked) return this.#of.sent(this.#pending ?? session.user[this.#of.kind]);
    if (this.#pending) return `We’ll use ${this.#pending} once you’ve confirmed it.`;
    return this.#of.kind === "email" ? "Enter the code from the email we sent you, or follow the link in it." : "Get a code by text message and enter it here.";
  }

  close() {
    this.#asked = false;
    this.#hideEdit();
  }

  /* Removes everything about the user from the form. */
  clear() {
    for (const form of [this.#code, this.#edit]) { form.reset(); clearComplaints(form); }
    this.#value.textContent = this.#value.title = this.#note.textContent = "";
    this.#asked = false;
    this.#edit.hidden = true;
    this.#change.hidden = false;
  }

  #hideEdit() {
    this.#edit.hidden = true;
    this.#edit.reset();
    this.#change.hidden = false;
    this.render();
  }

  /* For a new address or number, or to keep the current one instead of the pending one: the server wants the password for both. */
  #open(keeps = false) {
    const { [this.#of.kind]: value, password } = this.#edit.elements;
    clearComplaints(this.#edit);
    this.#edit.hidden = false;
    this.#keeps = value.closest("label").hidden = keeps;
    value.value = keeps ? session.user[this.#of.kind] : "";
    this.#armed.hidden = !session.user.totpEnabledAt;
    this.#change.hidden = true;
    watch(this.#edit);
    this.render();
    (keeps ? password : value).focus();
  }

  #submit(event, work) {
    const form = event.target;
    event.preventDefault();
    clearComplaints(form);
    const empty = [...form.querySelectorAll("input")].filter((input) => !input.closest("[hidden]") && !input.value.trim());
    for (const input of empty) complain(input, REQUIRED);
    if (empty.length) empty[0].focus();
    else busy(form, work, { texts: TEXTS });
  }

  #sendCode() {
    busy(this.#code, async () => {
      await request("POST", "/v1/verifications", { body: { purpose: this.#of.kind } });
      this.#asked = true;
      this.render();
      this.#code.elements.code.focus();
    }, { texts: TEXTS });
  }

  async #confirm() {
    const { code } = this.#code.elements;
    try {
      await request("PUT", "/v1/verifications", { body: { code: code.value.trim() } });
    } catch (problem) {
      if (problem.status !== 401) throw problem;
      complain(code, "This code is wrong or has expired.");
      code.select();
      return;
    }
    this.#code.reset();
    this.#asked = false;
    session.setUser(await request("GET", "/v1/me"));
    this.#change.focus();
  }

  async #save() {
    const { [this.#of.kind]: value, password, code } = this.#edit.elements;
    const body = { [this.#of.kind]: this.#of.plain?.(value.value) ?? value.value.trim(), password: password.value };
    if (session.user.totpEnabledAt) body.code = code.value.trim();
    const user = await request("PATCH", "/v1/me", { body });
    session.setUser(user);
    this.#asked = Boolean(this.#pending);
    this.#hideEdit();
    (this.#code.hidden ? this.#change : this.#code.elements.code).focus();
  }
}
