/*
 * The state that the page shows, kept current (projects, the open project's store, presence, connection), and all
 * actions on it.  It does not touch the DOM: views listen for changes and read the state.
 */
import { everything, request } from "./api.js";
import { Live } from "./live.js";
import { session } from "./session.js";
import { ProjectStore } from "./store.js";

const topicOf = (id) => `project:${id}`;
const PATHS = { assigneeIds: "assignees", labelIds: "labels", checklist: "checklist" }; /* of the lists of a task */
/* The item or its neighbour is gone, or the new item is there already: others have changed the list. */
const isOutdated = ({ status, errors }) => [404, 409].includes(status) || errors?.some(({ pointer }) => ["/before", "/after"].includes(pointer));
const FOLLOW_WAIT_MS = 1500; /* how long opening a project waits for the live connection before it continues without */

export class Workspace {
  projects = new Map();
  jobs = new Map(); /* the user's jobs that have not ended, by the id of their project */
  store = null; /* the open project */
  presence = []; /* ids of the users who are viewing the project */
  connection = { state: "connecting", since: null };
  #live = null;
  #listeners = { change: [], connection: [], caughtUp: [], left: [], remote: [], event: [], resync: [], comment: [], sessions: [], invitations: [], links: [], reminder: [], files: [] };
  #early = null; /* events that arrive while a project's snapshot is loading */
  #opening = 0;
  #fetching = new Map(); /* id of a document being loaded -> whether it must be loaded again afterwards */
  #wantsProjects = 0;
  #following = null; /* resolves at the first reply to follow("all") */

  on(name, callback) { this.#listeners[name].push(callback); }
  #tell(name, value) { for (const f of this.#listeners[name]) f(value); }

  async start() {
    this.stop();
    let followed;
    this.#following = new Promise((done) => { followed = done; });
    this.#live = new Live({
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/live`,
      token: () => session.token(),
      refused: () => session.refresh().catch(() => {}),
      onState: (state) => { this.connection = state; this.#tell("connection", state); },
      onCaughtUp: (count) => { this.#tell("caughtUp", count); this.#refreshProjects(); },
      onFollowing: (topic) => { if (topic === "all") followed(); else this.#announce(topic); },
      onEvent: (event) => this.#event(event),
      onResync: (topic) => this.#resync(topic),
      onLeft: (topic) => this.#leave(topic),
      onPresence: (frame) => this.#setPresence(frame),
    });
    this.#live.follow("all");
    this.#live.start();
    await this.loadProjects();
  }

  stop() {
    this.#live?.stop();
    this.#live = null;
    this.projects.clear();
    this.jobs.clear();
    this.store = null;
    this.presence = [];
    this.#opening++;
  }

  renew(token) { this.#live?.renew(token); }

  /* ---- reading ---- */

  async loadProjects() {
    const items = await everything("/v1/projects?limit=200");
    this.projects = new Map(items.map((p) => [p.id, p]));
    this.#tell("change");
  }

  /* Reloads the list of projects; many requests within 50 ms cause one reload. */
  #refreshProjects() {
    this.#wantsProjects ||= setTimeout(() => {
      this.#wantsProjects = 0;
      this.loadProjects().catch(() => {});
    }, 50);
  }

  /* Opens a project.  Events that arrive while its snapshot is loading are applied after it. */
  async open(id) {
    const generation = ++this.#opening;
    const topic = topicOf(id);
    if (this.store?.id !== id) this.#close();
    await Promise.race([this.#following, new Promise((done) => setTimeout(done, FOLLOW_WAIT_MS))]);
    if (generation !== this.#opening) return;
    const early = { topic, events: [] };
    this.#early = early;
    try {
      const snapshot = await request("GET", `/v1/projects/${id}/snapshot`);
      if (generation !== this.#opening) return;
      this.store = new ProjectStore(snapshot, session.user.id);
      for (const event of early.events) this.#apply(event);
      this.#live.follow(topic, snapshot.cursor);
      this.#tell("change");
      this.#tell("files");
    } finally {
      if (this.#early === early) this.#early = null;
    }
  }

  #close() {
    if (this.store) {
      this.#live.send({ op: "presence", topic: topicOf(this.store.id), state: "away" });
      this.#live.release(topicOf(this.store.id)); /* "all" still follows it */
    }
    this.store = null;
    this.presence = [];
    this.#tell("change");
  }

  /* ---- live ---- */

  #event(event) {
    this.#tell("event", event);
    if (this.#early?.topic === event.topic) this.#early.events.push(event);
    if (event.topic === topicOf(this.store?.id) && this.#apply(event)) {
      if (event.actorId !== session.user.id) this.#tell("remote", event);
      this.#tell("change");
    }
    if (event.entity === "project" || event.entity === "member") this.#refreshProjects();
    if (event.entity === "comment" && event.topic === topicOf(this.store?.id)) this.#tell("comment", event);
    if (event.entity === "job") this.#noteJob(event.data);
    if (event.entity === "session") this.#tell("sessions");
    if (event.entity === "attachment") this.#tell("files", event);
    if (event.entity === "link") this.#tell("links");
    if (event.entity === "invitation" || event.data?.kind === "invited") this.#tell("invitations", event);
    if (event.data?.kind === "reminder") this.#tell("reminder", event.data);
    if (event.kind === "project.deleted") this.#leave(event.topic, event.actorId === session.user.id);
  }

  #noteJob(job) {
    if (job.endedAt) this.jobs.delete(job.projectId);
    else this.jobs.set(job.projectId, job);
    this.#tell("change");
  }

  #apply(event) {
    const counted = this.store.count(event);
    const whole = this.store.complete(event);
    if (whole) return this.store.apply(whole) || counted;
    this.#fetch(event);
    return counted;
  }

  /* Loads the document that an event omitted.  If it no longer exists, a later event says so. */
  async #fetch({ entity, entityId, topic, actorId }) {
    if (entity !== "task" && entity !== "project") return;
    if (this.#fetching.has(entityId)) return this.#fetching.set(entityId, true);
    this.#fetching.set(entityId, false);
    try {
      const document = await request("GET", `/v1/${entity}s/${entityId}`);
      if (topic === topicOf(this.store?.id)) {
        if (entity === "task") this.store.put(document);
        else this.store.setProject(document);
        if (actorId !== session.user.id) this.#tell("remote", { entity, entityId });
        this.#tell("change");
      }
    } catch (error) {
      if (error.status !== 404) this.#resync(topic);
    } finally {
      const again = this.#fetching.get(entityId);
      this.#fetching.delete(entityId);
      if (again) this.#fetch({ entity, entityId, topic, actorId });
    }
  }

  /* Events are missing: loads everything again. */
  #resync(topic) {
    this.#tell("resync");
    this.#refreshProjects();
    if (this.store && (topic === topicOf(this.store.id) || topic === "all")) {
      this.open(this.store.id).catch(() => {});
    }
  }

  /* The user no longer has access to a topic's project; `quietly` if they already know. */
  #leave(topic, quietly = false) {
    const id = topic.replace(/^project:/, "");
    this.projects.delete(id);
    this.#refreshProjects();
    if (this.store?.id !== id) return;
    const { name } = this.store.project;
    this.#close();
    this.#tell("left", quietly ? null : name);
  }

  /* Announces the user's presence, which only works once the topic is followed. */
  #announce(topic) {
    if (topic === topicOf(this.store?.id)) this.#live.send({ op: "presence", topic, state: "here" });
  }

  #setPresence(frame) {
    if (frame.topic !== topicOf(this.store?.id)) return;
    this.presence = (frame.users ?? []).map((u) => u.userId ?? u.id ?? u);
    this.#tell("change");
  }

  /* ---- writing: each action returns the server's document, which is already in the store ---- */

  #keep(task) {
    this.store?.put(task);
    this.#tell("change");
    return task;
  }

  async createTask(fields) {
    return this.#keep(await request("POST", "/v1/tasks", { body: { projectId: this.store.id, ...fields } }));
  }

  /*
   * Changes some fields, and some items of lists: {list, kind, key, ...} as in edits.js.  Each change is based on revision
   * `base`: if someone has changed the same since, rejects with an error that is `stale`.  Earlier changes have taken effect then.
   */
  async changeTask(id, base, fields, edits) {
    let task = null;
    try {
      if (Object.keys(fields).length) task = await request("PATCH", `/v1/tasks/${id}`, { body: fields, base });
      for (const edit of edits) task = await this.#editItem(`/v1/tasks/${id}/${PATHS[edit.list]}`, base, edit);
    } catch (error) {
      throw Object.assign(error, { stale: error.status === 412 || isOutdated(error) });
    }
    return this.#keep(task ?? await request("GET", `/v1/tasks/${id}`));
  }

  /* One edit of a list; resolves to the task after it, or to null.  Labels and people on a task are there or not, so they never conflict. */
  async #editItem(path, base, { list, kind, key, item, fields, place }) {
    const one = `${path}/${encodeURIComponent(key)}`;
    const options = list === "checklist" ? { base } : {};
    if (kind === "add" && list !== "checklist") return request("PUT", one);
    if (kind === "add") return request("POST", path, { body: { ...item, ...place }, ...options });
    if (kind === "change") return request("PATCH", one, { body: fields, ...options });
    if (kind === "move") return request("POST", `${one}/move`, { body: place, ...options });
    return request("DELETE", one, options).catch((error) => { if (error.status !== 404) throw error; return null; });
  }

  /* place: {status, before or after}: ids of neighbours, none for the end. */
  async moveTask(id, place) {
    return this.#keep(await request("POST", `/v1/tasks/${id}/move`, { body: place, base: this.#demandedBase(id) }));
  }

  /* Moves and deletions name the revision that they are based on only if the project requires it. */
  #demandedBase(id) {
    return this.store.project.requireIfMatch ? this.store.tasks.get(id)?.rev : undefined;
  }

  /* Moves a recurring task to its next date; `base`: the revision that the user saw. */
  async skipTask(id, base) {
    return this.#keep(await request("POST", `/v1/tasks/${id}/skip`, { base }));
  }

  async deleteTask(id) {
    const { store } = this;
    await request("DELETE", `/v1/tasks/${id}`, { base: this.#demandedBase(id) });
    const known = store.tasks.get(id);
    if (known) store.remove(id, known.rev);
    this.#tell("change");
  }

  async duplicateTask(id) {
    return this.#keep(await request("POST", `/v1/tasks/${id}/duplicate`, { body: { subtasks: true } }));
  }

  /* Takes back the user's own change that has led to this revision of a task. */
  async undo({ id, rev }) {
    const { items } = await request("GET", `/v1/tasks/${id}/history?limit=50`);
    const seq = items.find((event) => event.entityId === id && event.rev === rev)?.seq;
    return this.#keep(await request("POST", `/v1/tasks/${id}/undo`, { body: { seq } }));
  }

  async restoreTask(id) {
    return this.#keep(await request("POST", `/v1/tasks/${id}/restore`));
  }

  async createProject(fields) {
    const project = await request("POST", "/v1/projects", { body: fields });
    this.projects.set(project.id, project);
    this.#tell("change");
    return project;
  }

  /* Changes some fields; rejects with 412 and the current project if someone has changed the same fields since `project`. */
  async changeProject(project, fields) {
    return this.#keepProject(await request("PATCH", `/v1/projects/${project.id}`, { body: fields, base: project.rev }));
  }

  async addLabel(project, label) {
    return this.#keepProject(await request("POST", `/v1/projects/${project.id}/labels`, { body: label }));
  }

  #keepProject(project) {
    if (this.store?.id === project.id) this.store.setProject(project);
    this.projects.set(project.id, project);
    this.#tell("change");
    return project;
  }

  async trashProject(id) {
    await request("DELETE", `/v1/projects/${id}`);
    this.#leave(topicOf(id), true);
  }

  async duplicateProject({ id }, name) {
    const project = await request("POST", `/v1/projects/${id}/duplicate`, { body: { name } });
    this.projects.set(project.id, project);
    this.#tell("change");
    return project;
  }

  async restoreProject(id) {
    await request("POST", `/v1/projects/${id}/restore`);
    await this.loadProjects();
  }

  async setRole(userId, role) {
    const member = await request("PUT", `/v1/projects/${this.store.id}/members/${userId}`, { body: { role } });
    this.store.setMember({ ...member, userId });
    this.#tell("change");
  }

  async removeMember(userId) {
    await request("DELETE", `/v1/projects/${this.store.id}/members/${userId}`);
    this.store?.dropMember(userId);
    this.#tell("change");
  }
}
