/*
 * One project as this page knows it: a snapshot and the events after it.  The invariant is
 * snapshot + events == fresh snapshot, however a document arrives: in an event, in the reply to our own write, or
 * in a newer snapshot.  An older revision never replaces a newer one.
 */
export const ROLES = ["owner", "admin", "member", "commenter", "viewer"]; /* highest first */

/* By what an item of a list is known. */
const keyOf = (item) => (typeof item !== "object" ? item : item.id ?? `${item.kind}/${item.taskId}`);

/*
 * A document with one of an event's changes applied: of a field, or of an item of a list, which the name gives by its key
 * ("checklist/i3/done").  An item that is new is at the end until a change of its `after` names the item before it.
 */
function changed(document, name, value) {
  const [field, ...path] = name.split("/");
  if (!path.length) return { ...document, [field]: value };
  const size = field === "relations" ? 2 : 1; /* names in the key: blocks/<task> */
  const key = path.slice(0, size).join("/"), member = path[size];
  const items = document[field], item = items.find((i) => keyOf(i) === key), others = items.filter((i) => i !== item);
  if (member === "after") {
    const at = value === null ? 0 : others.findIndex((i) => keyOf(i) === value) + 1;
    return { ...document, [field]: [...others.slice(0, at), item, ...others.slice(at)] };
  }
  if (member) return { ...document, [field]: items.map((i) => (i === item ? { ...i, [member]: value } : i)) };
  return { ...document, [field]: value === null ? others : [...others, value] };
}

export class ProjectStore {
  #removed = new Map(); /* task id -> revision at which it was removed: an older event must not bring it back */
  looks = 0; /* incremented by changes that affect how all tasks look: names of members, labels, statuses */

  constructor(snapshot, userId) {
    this.userId = userId;
    this.load(snapshot);
  }

  get id() { return this.project.id; }
  /* The effective role, as on the server: the higher of the membership's role and the open project's access role. */
  get role() {
    const { access, accessRole, role } = this.project;
    const own = this.members.get(this.userId)?.role, given = access === "everyone" ? accessRole : undefined;
    return ROLES.find((each) => each === own || each === given) ?? role;
  }
  get mayWrite() { return ["owner", "admin", "member"].includes(this.role); }
  get mayAdmin() { return ["owner", "admin"].includes(this.role); }
  get isOwner() { return this.role === "owner"; }

  load({ project, members, tasks }) {
    this.project = project;
    this.members = new Map((members ?? []).map((m) => [m.userId, m]));
    this.tasks = new Map(tasks.map((t) => [t.id, t]));
    this.#removed.clear();
    this.looks++;
  }

  /* Members are part of the project's document, so their events carry the project's revision. */
  #applyMember(event) {
    if (event.rev > this.project.rev) this.project = { ...this.project, rev: event.rev };
    if (!event.data) return this.dropMember(event.entityId);
    this.setMember({ ...event.data, userId: event.entityId });
    return true;
  }

  setMember(member) {
    this.members.set(member.userId, { ...this.members.get(member.userId), ...member });
    this.looks++;
  }

  dropMember(userId) {
    this.looks++;
    return this.members.delete(userId);
  }

  /* Takes a newer project document.  role and inbox depend on the reader, so events do not contain them. */
  setProject(project) {
    if (project.rev < this.project.rev) return false;
    const { role, inbox } = this.project;
    this.project = { ...this.project, ...project, role, inbox };
    this.looks++;
    return true;
  }

  /*
   * The event with its document.  An event about a large document omits it, but it can be rebuilt by applying the
   * event's changes to the previous revision.  Null if that is not possible: then read it from the server.
   */
  complete(event) {
    if (!event.dataOmitted) return event;
    if (event.kind.endsWith(".deleted")) return event;
    const known = event.entity === "task" ? this.tasks.get(event.entityId) : this.project;
    const changes = Object.entries(event.changes ?? { all: null });
    if (known?.rev !== event.rev - 1 || changes.some(([, pair]) => pair === null)) return null;
    const after = changes.reduce((document, [name, pair]) => changed(document, name, pair[1]), known);
    return { ...event, data: { ...after, rev: event.rev, updatedAt: event.at, updatedBy: event.actorId } };
  }

  /* Takes the counters of other tasks, which an event tells and which are not part of their revision; false if there are none. */
  count({ counts }) {
    const known = Object.entries(counts ?? {}).filter(([id]) => this.tasks.has(id));
    for (const [id, counters] of known) this.tasks.set(id, { ...this.tasks.get(id), ...counters });
    return known.length > 0;
  }

  /* Applies one complete event; false if it changed nothing. */
  apply(event) {
    if (event.entity === "task") return this.#applyTask(event);
    if (event.entity === "project") return event.data ? this.setProject(event.data) : false;
    return event.entity === "member" && this.#applyMember(event);
  }

  #applyTask(event) {
    const here = event.data && !event.data.deletedAt && event.data.projectId === this.id;
    return here ? this.put(event.data) : this.remove(event.entityId, event.rev);
  }

  /* Takes a newer revision of a task, from an event or from the reply to a write. */
  put(task) {
    if (task.deletedAt || task.projectId !== this.id) return this.remove(task.id, task.rev);
    const known = this.tasks.get(task.id)?.rev ?? this.#removed.get(task.id) ?? -1;
    if (task.rev <= known) return false;
    this.#removed.delete(task.id);
    this.tasks.set(task.id, task);
    return true;
  }

  remove(id, rev) {
    const known = this.tasks.get(id);
    if (known && known.rev > rev) return false;
    this.#removed.set(id, rev);
    return this.tasks.delete(id);
  }

  /* The tasks of one column of the board, in order. */
  column(status) {
    return this.#live().filter((t) => t.status === status).sort(byPosition);
  }

  all() {
    return this.#live().sort(byPosition);
  }

  #live() {
    return [...this.tasks.values()].filter((t) => !t.archivedAt);
  }
}

/* Positions are order keys compared byte by byte; ids break ties. */
function byPosition(a, b) {
  if (a.position !== b.position) return a.position < b.position ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}
