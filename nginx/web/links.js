/*
 * The links in emails: #/verifications?token=… and #/password-resets?token=…  The token is removed from the address
 * bar, and so from the tab's history, before anything else happens.
 */
import { request } from "./api.js";

/* {page, token} if the address is a link from an email, else null.  Removes the token from the address. */
export function takeEmailLink() {
  const [, page, query] = /^#\/(verifications|password-resets)(?:\?(.*))?$/.exec(location.hash) ?? [];
  if (!page) return null;
  history.replaceState(null, "", "#/");
  return { page, token: new URLSearchParams(query ?? "").get("token") };
}

/* Confirms an email address; resolves to the message for the user. */
export async function confirmContact(token) {
  if (!token) return "This link is incomplete. Copy the whole link from the email.";
  try {
    await request("PUT", "/v1/verifications", { body: { token }, open: true });
    return "Thanks, your email address is confirmed.";
  } catch (error) {
    if (error.status === 409) return "Another account now uses this address, so you can’t use it for yours.";
    if (error.status === 401 || error.status === 422) {
      return "This link no longer works: it has already been used, is more than a day old, or you’ve changed your address since. " +
        "You can request a new one on your account page.";
    }
    return "We couldn’t confirm your address just now. Open the link again in a few minutes.";
  }
}
