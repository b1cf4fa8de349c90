/*
 * What a user did to a list, item by item, so that two people who edit the same list both keep their edits.  Items are
 * ids, or objects with an id.
 */
const keyOf = (item) => item.id ?? item;
const find = (list, key) => list.find((item) => keyOf(item) === key);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/* The keys of `order` that keep their place if the fewest possible of them are moved to get to the order of `now`. */
function unmoved(order, now) {
  const places = order.map((key) => now.indexOf(key));
  const best = []; /* best[n]: the longest rising run of places that ends at n, as indexes */
  places.forEach((place, n) => {
    const before = best.filter((run, m) => places[m] < place);
    best[n] = [...before.reduce((a, b) => (b.length > a.length ? b : a), []), n];
  });
  return new Set(best.reduce((a, b) => (b.length > a.length ? b : a), []).map((n) => order[n]));
}

/*
 * The edits that make `after` of `before`, in the order in which to carry them out: {kind: "remove", key},
 * {kind: "change", key, fields}, {kind: "add", key, item, place} and {kind: "move", key, place}.
 * place: {after: key} or {before: key}; {} is the end.
 */
export function editsOf(before, after) {
  const edits = before.filter((item) => !find(after, keyOf(item))).map((item) => ({ kind: "remove", key: keyOf(item) }));
  const keys = after.map(keyOf);
  const fixed = unmoved(before.map(keyOf).filter((key) => keys.includes(key)), keys);
  const last = keys.findLastIndex((key) => fixed.has(key));
  after.forEach((item, n) => {
    const key = keys[n], was = find(before, key);
    const first = keys.find((k) => fixed.has(k));
    const place = n > last ? {} : n > 0 ? { after: keys[n - 1] } : { before: first };
    if (was === undefined) edits.push({ kind: "add", key, item, place });
    else if (!fixed.has(key)) edits.push({ kind: "move", key, place });
    const fields = was === undefined ? [] : Object.entries(item).filter(([name, value]) => typeof item === "object" && !same(value, was[name]));
    if (fields.length) edits.push({ kind: "change", key, fields: Object.fromEntries(fields) });
  });
  return edits;
}

/* Does an edit of a list that was `before` contradict what others have made of it since? */
function contradicts(edit, before, theirs, moved) {
  const was = find(before, edit.key), now = find(theirs, edit.key);
  if (edit.kind === "remove") return now !== undefined && !same(now, was);
  if (edit.kind === "change") return now === undefined || Object.entries(edit.fields).some(([name, value]) => !same(now[name], was[name]) && !same(now[name], value));
  return edit.kind === "move" && moved.some((other) => other.key === edit.key && !same(other.place, edit.place));
}

/* The edits that lead from `before` to `mine` and that contradict those that lead to `theirs`. */
export function conflictsOf(before, mine, theirs) {
  const moved = editsOf(before, theirs).filter((edit) => edit.kind === "move");
  return editsOf(before, mine).filter((edit) => contradicts(edit, before, theirs, moved));
}

/* Inserts an item at a place, or at the end if its neighbour is gone. */
function insert(list, item, { before, after }) {
  const at = list.findIndex((other) => keyOf(other) === (before ?? after));
  list.splice(at < 0 ? list.length : at + (after === undefined ? 0 : 1), 0, item);
}

function carryOut(edit, list, mine) {
  const at = list.findIndex((item) => keyOf(item) === edit.key);
  if (edit.kind === "remove") {
    if (at >= 0) list.splice(at, 1);
  } else if (edit.kind === "move" && at >= 0) {
    const [item] = list.splice(at, 1);
    insert(list, item, edit.place);
  } else if (edit.kind === "change" && at >= 0) {
    list[at] = { ...list[at], ...edit.fields };
  } else if (at < 0 && edit.kind !== "move") {
    insert(list, find(mine, edit.key), edit.place ?? {}); /* new, or removed by others while it was edited here */
  }
}

/* Both the edits that lead from `before` to `mine` and those that lead to `theirs`.  Where they contradict each other, mine win unless `giveWay`. */
export function merge(before, mine, theirs, giveWay = false) {
  const list = [...theirs];
  const lost = giveWay ? conflictsOf(before, mine, theirs).map((edit) => `${edit.kind} ${edit.key}`) : [];
  for (const edit of editsOf(before, mine)) if (!lost.includes(`${edit.kind} ${edit.key}`)) carryOut(edit, list, mine);
  return list;
}
