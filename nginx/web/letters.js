/*
 * The links in letters: #/verifications?token=… and #/password-resets?token=…  The token leaves the
 * address, and with it the tab's history, before anything else is done.
 */
import { request } from "./api.js";

/* What the address asks for, {page, token}, once; null when it is no letter's link. */
export function takeLetter() {
  const [, page, query] = /^#\/(verifications|password-resets)(?:\?(.*))?$/.exec(location.hash) ?? [];
  if (!page) return null;
  history.replaceState(null, "", "#/");
  return { page, token: new URLSearchParams(query ?? "").get("token") };
}

/* Confirms an address or a number; resolves to what the user is told of it. */
export async function confirmContact(token) {
  if (!token) return "This link is incomplete. Copy the whole link from the email.";
  try {
    await request("PUT", "/v1/verifications", { body: { token }, open: true });
    return "Thank you, your address is confirmed.";
  } catch (error) {
    if (error.status === 409) return "Another account uses this address now, so it can’t be yours.";
    if (error.status === 401 || error.status === 422) {
      return "This link no longer works: it has been used, is older than a day, or you have chosen another address since. " +
        "You can request a new one on your account page.";
    }
    return "Your address couldn’t be confirmed at the moment. Open the link again in a few minutes.";
  }
}
