/*
 * The page's error messages: one per problem type of the API, and one per error code of a field.  The API's own
 * details are written for programmers, so the page never shows them.
 */
const RELOAD = "Something went wrong on this page. Reload it and try again.";
const LATER = "The server is busy. Try again in a moment.";
export const REQUIRED = "Please fill this in.";

const PROBLEMS = {
  "malformed": RELOAD,
  "bad-parameter": RELOAD,
  "unauthenticated": "Please log in again.",
  "bad-credentials": "That’s not right. Check what you entered and try again.",
  "code-required": "Enter the code from your authenticator app.",
  "step-up-required": "Confirm your password to do this.",
  "forbidden": "You don’t have permission to do this.",
  "refused": "You don’t have permission to do this.",
  "not-found": "This no longer exists, or you no longer have access to it.",
  "method-not-allowed": RELOAD,
  "conflict": "This can’t be done because something has changed in the meantime. Reload the page to see the current state.",
  "quota-exceeded": "You’ve reached the limit. Remove something you no longer need, then try again.",
  "in-progress": "This is still being saved. Try again in a moment.",
  "stale": "Someone changed this while you were editing it.",
  "too-large": "This is too large to save.",
  "too-much": "This is too large to save.",
  "unsupported-media-type": RELOAD,
  "invalid": "This couldn’t be saved. Check what you entered.",
  "key-reused": RELOAD,
  "gone": "This was too long ago and can’t be brought back.",
  "failed-dependency": "This couldn’t be saved because something it depends on couldn’t be saved.",
  "precondition-required": RELOAD,
  "throttled": "Too many attempts. Try again in a few minutes.",
  "busy": LATER,
  "unavailable": LATER,
  "no-answer": LATER,
  "timeout": "The server took too long to respond. Your change may have been saved, so check before you try again.",
  "bad-range": RELOAD,
  "url-too-long": RELOAD,
  "headers-too-large": RELOAD,
  "upgrade-required": RELOAD,
  "internal": "Something went wrong on our side. Try again in a moment.",
};

/* By the error code of a field; the API's list of codes is in `api/http/request.c`. */
const FIELDS = {
  "blank": REQUIRED,
  "choice": "Choose one of the options.",
  "common": "This password is too common. Choose one that’s harder to guess.",
  "duplicate": "This is already in the list.",
  "exclusive": "Only one of the two can be set.",
  "format": "This doesn’t look right. Check it and try again.",
  "in-use": "This is still in use.",
  "inbox": "This can’t be changed in your inbox.",
  "kind": "A project needs at least one open and one completed status.",
  "nested": "A subtask can’t have subtasks of its own.",
  "not-found": "This no longer exists.",
  "not-member": "This person is no longer a member of the project.",
  "null": REQUIRED,
  "order": "The start date can’t be after the due date.",
  "personal": "Choose a password that doesn’t contain your name, email or phone number.",
  "range": "This is outside the allowed range.",
  "read-only": "This can’t be changed here.",
  "required": REQUIRED,
  "taken": "Another account already uses this.",
  "too-long": "This is too long.",
  "too-short": "This is too short.",
  "type": "This isn’t allowed here.",
  "unknown": "This isn’t allowed here.",
  "wrong": "This isn’t right. Check it and try again.",
};

/* More specific messages for some fields. */
const OF_FIELD = {
  "email/format": "This doesn’t look like an email address.",
  "email/taken": "There’s already an account with this email address. If it’s yours, log in, or choose “Forgot your password?”.",
  "phone/format": "Enter the full number including the country code, such as +49 170 1234567.",
  "phone/taken": "There’s already an account with this phone number.",
  "password/too-short": "Use at least 12 characters.",
  "newPassword/too-short": "Use at least 12 characters.",
  "password/wrong": "Wrong password.",
  "currentPassword/wrong": "That’s not your current password.",
  "code/wrong": "This code is wrong or has expired.",
};

/* The message for a problem of this type (`slug`), or for this HTTP status when the type is unknown; status 0 means no response. */
export function problemText(slug, status) {
  if (status === 0) return "The server can’t be reached. Nothing you typed is lost. Try again in a moment.";
  return PROBLEMS[slug] ?? (status >= 500 ? LATER : status === 404 ? PROBLEMS["not-found"] : "This didn’t work. Try again in a moment.");
}

/* The message for an error of a field.  `field` is the first segment of the error's JSON pointer. */
export function fieldText(field, code) {
  return OF_FIELD[`${field}/${code}`] ?? FIELDS[code] ?? FIELDS.type;
}

export const known = { problems: Object.keys(PROBLEMS), fields: Object.keys(FIELDS) };
