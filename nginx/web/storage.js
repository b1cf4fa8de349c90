/* Remembers ids and choices on this device, never secrets.  A browser may block storage, and cookies with it. */
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

/* True if the browser blocks storage or cookies: then nobody can stay logged in. */
export const blocked = place === null || navigator.cookieEnabled === false;

export const recall = (key) => place?.getItem(key) ?? null;
export const forget = (key) => place?.removeItem(key);

export function remember(key, value) {
  try {
    place?.setItem(key, value);
  } catch { /* storage is full: the choice is lost when the page is closed */ }
}
