/*
 * What went wrong, in the page's own words: one text per problem and one per complaint about a field.  The API's
 * details are for programmers and are never shown.
 */
const RELOAD = "Something went wrong on this page. Reload it and try again.";
const LATER = "The server is busy. Try again in a moment.";
export const REQUIRED = "Please fill this in.";

const PROBLEMS = {
  "malformed": RELOAD,
  "bad-parameter": RELOAD,
  "unauthenticated": "Please log in again.",
  "bad-credentials": "That isn’t right. Please check it and try again.",
  "code-required": "Enter the code from your authenticator app.",
  "step-up-required": "Confirm your password to do this.",
  "forbidden": "You don’t have permission to do this.",
  "refused": "You don’t have permission to do this.",
  "not-found": "This no longer exists, or you no longer have access to it.",
  "method-not-allowed": RELOAD,
  "conflict": "This isn’t possible at the moment, because something else has changed. Reload the page to see it.",
  "quota-exceeded": "You’ve reached the limit for this. Remove something that you no longer need, then try again.",
  "in-progress": "This is still being saved. Try again in a moment.",
  "stale": "Somebody changed this while you were editing it.",
  "too-large": "This is too large to be saved.",
  "too-much": "This is too large to be saved.",
  "unsupported-media-type": RELOAD,
  "invalid": "This couldn’t be saved. Please check what you entered.",
  "key-reused": RELOAD,
  "precondition-required": RELOAD,
  "throttled": "That was too often. Try again in a few minutes.",
  "busy": LATER,
  "unavailable": LATER,
  "no-answer": LATER,
  "timeout": "The server took too long to answer. Your change may have been saved: check before you try again.",
  "bad-range": RELOAD,
  "url-too-long": RELOAD,
  "headers-too-large": RELOAD,
  "upgrade-required": RELOAD,
  "internal": "Something went wrong on our side. Try again in a moment.",
};

/* By the code of a complaint about a field; the API's own list is in `api/request.c`. */
const FIELDS = {
  "blank": REQUIRED,
  "choice": "Choose one of the options.",
  "common": "This password is too common. Choose one that nobody would guess.",
  "duplicate": "This is already in the list.",
  "exclusive": "Only one of the two can be set.",
  "format": "This doesn’t look right. Please check it.",
  "in-use": "This is still in use.",
  "inbox": "This can’t be changed in your Inbox.",
  "kind": "A project needs at least one open and one completed status.",
  "nested": "A subtask can’t have subtasks of its own.",
  "not-found": "This no longer exists.",
  "not-member": "This person is no longer a member of the project.",
  "null": REQUIRED,
  "order": "The start can’t be after the due date.",
  "personal": "Choose a password without your name, email or phone number.",
  "range": "This is outside of what is possible here.",
  "read-only": "This can’t be changed here.",
  "required": REQUIRED,
  "taken": "There is already an account with this.",
  "too-long": "This is too long.",
  "too-short": "This is too short.",
  "type": "This can’t be used here.",
  "unknown": "This can’t be used here.",
  "wrong": "This isn’t right. Please check it.",
};

/* A complaint that says more when its field is known. */
const OF_FIELD = {
  "email/format": "This doesn’t look like an email address.",
  "email/taken": "There is already an account with this email address.",
  "phone/format": "Enter the whole number with its country code, such as +49 170 1234567.",
  "phone/taken": "There is already an account with this phone number.",
  "password/too-short": "Use at least 12 characters.",
  "newPassword/too-short": "Use at least 12 characters.",
  "password/wrong": "Wrong password.",
  "currentPassword/wrong": "This is not your current password.",
  "code/wrong": "This code is wrong or has expired.",
};

export function problemText(slug, status) {
  if (status === 0) return "The server can’t be reached. What you typed is still here: try again in a moment.";
  return PROBLEMS[slug] ?? (status >= 500 ? LATER : status === 404 ? PROBLEMS["not-found"] : "This didn’t work. Try again in a moment.");
}

/* `field` is the first name in the complaint's pointer. */
export function fieldText(field, code) {
  return OF_FIELD[`${field}/${code}`] ?? FIELDS[code] ?? FIELDS.type;
}

export const known = { problems: Object.keys(PROBLEMS), fields: Object.keys(FIELDS) };
