/* What is remembered on this device: ids and choices, nothing secret.  A browser may block it, and cookies with it. */
function open() {
  try {
    const { localStorage } = window;
    localStorage.getItem("");
    return localStorage;
  } catch {
    return null;
  }
}

const place = open();

/* Without cookies nobody stays logged in. */
export const blocked = place === null || navigator.cookieEnabled === false;

export const recall = (key) => place?.getItem(key) ?? null;
export const forget = (key) => place?.removeItem(key);

export function remember(key, value) {
  try {
    place?.setItem(key, value);
  } catch { /* full: the choice lasts as long as the page */ }
}
