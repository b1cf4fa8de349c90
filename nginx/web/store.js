/*
 * One project as this page knows it: a snapshot, and the events after it.  The rule it keeps is
 * snapshot + events == fresh snapshot, whichever way a document came: by event, by the reply to
 * our own write, or by a newer snapshot.  An older revision never replaces a newer one.
 */
export const ROLES = ["owner", "admin", "member", "commenter", "viewer"]; /* the highest first */

export class ProjectStore {
  #removed = new Map(); /* task id -> revision it went with: an old event must not bring it back */
  looks = 0; /* counts what changes how every task looks: names of members, labels, statuses */

  constructor(snapshot, userId) {
    this.userId = userId;
    this.load(snapshot);
  }

  get id() { return this.project.id; }
  /* The effective role, as the server decides it: the higher of the membership's and of an open project's. */
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

  /* Members are part of the project's document, so their events bear its revision. */
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

  /* Takes a newer project document; role and inbox are the reader's own and not in events. */
  setProject(project) {
    if (project.rev < this.project.rev) return false;
    const { role, inbox } = this.project;
    this.project = { ...this.project, ...project, role, inbox };
    this.looks++;
    return true;
  }

  /*
   * The event with its document: an event of a large document leaves it out, but its changes lead there
   * from the revision before.  Null when they do not: the document must be read from the server.
   */
  complete(event) {
    if (!event.dataOmitted) return event;
    if (event.kind.endsWith(".deleted")) return event;
    const known = event.entity === "task" ? this.tasks.get(event.entityId) : this.project;
    const changes = Object.entries(event.changes ?? { all: null });
    if (known?.rev !== event.rev - 1 || changes.some(([, pair]) => pair === null)) return null;
    const after = Object.fromEntries(changes.map(([name, pair]) => [name, pair[1]]));
    return { ...event, data: { ...known, ...after, rev: event.rev, updatedAt: event.at, updatedBy: event.actorId } };
  }

  /* Applies one complete event; false when it changed nothing here. */
  apply(event) {
    if (event.entity === "task") return this.#applyTask(event);
    if (event.entity === "project") return event.data ? this.setProject(event.data) : false;
    return event.entity === "member" && this.#applyMember(event);
  }

  #applyTask(event) {
    const here = event.data && !event.data.deletedAt && event.data.projectId === this.id;
    return here ? this.put(event.data) : this.remove(event.entityId, event.rev);
  }

  /* Takes a task's newer revision; a reply to a write comes here too. */
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

  /* A column of the board, in its order. */
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

/* Positions are order keys compared byte by byte; ids settle what is equal. */
function byPosition(a, b) {
  if (a.position !== b.position) return a.position < b.position ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}
