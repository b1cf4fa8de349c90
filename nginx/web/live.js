/*
 * The WebSocket client, usable by any page or program: connects, sends hello, follows topics, and after a
 * disconnect resumes each topic that was followed by name after its last event ("all" continues from now).
 * Every event is delivered once and in order of its number; if that is not possible, onResync asks the caller to
 * load a fresh snapshot.  Knows nothing about pages or tasks.
 *
 *   const live = new Live({ url, token: async () => "…", onEvent, onResync, onLeft, onState, … });
 *   live.follow("all"); live.start();
 *   live.follow("project:…", snapshot.cursor);
 */
const PROTOCOL = "taskwire.v1";
const FIRST_DELAY_MS = 250;
const LAST_DELAY_MS = 15_000;
const ANSWER_MS = 10_000; /* the longest wait for ready, pong or following */
const PING_MS = 20_000;
const OFFLINE_AFTER = 4; /* failed attempts before the state changes from "reconnecting" to "offline" */
const LATER_MS = 1_000; /* delay before a throttled follow is sent again; doubles each time */
const SETTLE_MS = 3_000; /* a replay whose last event did not come is taken as finished after this silence */

const NOT_AUTHORISED = 4401; /* close code */
const NOT_FOUND = "not-found"; /* error codes */
const THROTTLED = "throttled";

/* The state of one topic: seq is the number of the last event delivered, cursor the position after it. */
function newTopic() {
  return { wanted: false, following: false, cursor: null, seq: null, ref: null, until: null, refusals: 0, timer: 0 };
}

export class Live {
  #options;
  #socket = null;
  #topics = new Map();
  #running = false;
  #ready = false;
  #failures = 0;
  #state = "idle";
  #since = null; /* when the connection was lost */
  #missed = null; /* number of events replayed since the reconnect; null when not catching up */
  #refs = 0;
  #timers = { retry: 0, answer: 0, ping: 0, settle: 0 };

  /*
   * url, token(): promise of an access token, refused(): called when the server rejects the token.
   * onState({state, since}) with state connecting, live, reconnecting or offline; onCaughtUp(count);
   * onReady(frame); onFollowing(topic); onEvent(frame); onResync(topic, cursor, reason);
   * onLeft(topic, reason); onPresence(frame); onSignal(frame); onError(frame).
   */
  constructor(options) {
    this.#options = options;
  }

  get state() { return this.#state; }

  start() {
    if (this.#running) return;
    this.#running = true;
    globalThis.addEventListener?.("online", this.#hurry);
    globalThis.addEventListener?.("offline", this.#hurry);
    globalThis.document?.addEventListener("visibilitychange", this.#wake);
    this.#connect();
  }

  stop() {
    this.#running = false;
    globalThis.removeEventListener?.("online", this.#hurry);
    globalThis.removeEventListener?.("offline", this.#hurry);
    globalThis.document?.removeEventListener("visibilitychange", this.#wake);
    this.#drop();
    this.#topics.clear();
    this.#setState("idle");
  }

  /* Follows a topic, across reconnects, until release() or stop(); `since` is a snapshot's cursor. */
  follow(topic, since = null) {
    const t = this.#topic(topic);
    t.wanted = true;
    if (since !== null) {
      t.cursor = since;
      t.seq = null;
    }
    if (this.#ready) this.#sendFollow(topic, t);
  }

  /*
   * Stops resuming a topic that was followed by name.  Does not send "unfollow", which would end the topic for
   * "all" too.
   */
  release(topic) {
    this.#forget(topic);
  }

  isFollowing(topic) {
    return this.#topics.get(topic)?.following ?? false;
  }

  /* Sends a newer token to the server on the open connection. */
  renew(token) {
    if (this.#ready) this.send({ op: "token", token });
  }

  /* Sends any other frame (presence, signal); false if there is no connection. */
  send(frame) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  #forget(name) {
    clearTimeout(this.#topics.get(name)?.timer);
    this.#topics.delete(name);
  }

  #topic(name) {
    if (!this.#topics.has(name)) this.#topics.set(name, newTopic());
    return this.#topics.get(name);
  }

  #setState(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#options.onState?.({ state, since: this.#since });
  }

  /* The browser is online again: connect now.  It went offline: stop waiting for an answer. */
  #hurry = (event) => {
    if (event.type === "offline") this.#lost();
    else if (!this.#ready) this.#connect();
  };

  /* After sleep the connection may be dead without an error: check it at once. */
  #wake = () => {
    if (document.visibilityState === "visible" && this.#ready) this.#ping();
  };

  async #connect() {
    this.#drop();
    if (this.#state === "idle") this.#setState("connecting");
    let token;
    try {
      token = await this.#options.token();
    } catch {
      if (this.#running) this.#lost();
      return;
    }
    if (!this.#running || this.#socket) return;
    const socket = new WebSocket(this.#options.url, PROTOCOL);
    this.#socket = socket;
    this.#expectAnswer();
    socket.onopen = () => this.send({ op: "hello", token });
    socket.onmessage = (m) => { if (socket === this.#socket) this.#receive(m.data); };
    socket.onclose = (e) => { if (socket === this.#socket) this.#closed(e.code); };
  }

  /* Closes the socket and stops all timers; topics keep their cursors. */
  #drop() {
    for (const name of Object.keys(this.#timers)) clearTimeout(this.#timers[name]);
    const socket = this.#socket;
    this.#socket = null;
    this.#ready = false;
    this.#missed = null;
    for (const [name, t] of this.#topics) {
      clearTimeout(t.timer);
      if (!t.wanted) this.#topics.delete(name);
      t.following = false;
      t.ref = t.until = null;
      t.refusals = 0;
    }
    socket?.close();
  }

  async #closed(code) {
    this.#drop();
    if (code === NOT_AUTHORISED) await this.#options.refused?.();
    if (this.#running) this.#lost();
  }

  /* Reconnects after a delay that grows with each failure and has jitter. */
  #lost() {
    this.#drop();
    this.#since ??= new Date();
    this.#failures++;
    const gone = globalThis.navigator?.onLine === false;
    this.#setState(gone || this.#failures > OFFLINE_AFTER ? "offline" : "reconnecting");
    const most = Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#failures - 1));
    this.#timers.retry = setTimeout(() => this.#connect(), most * (0.5 + Math.random() / 2));
  }

  #expectAnswer() {
    clearTimeout(this.#timers.answer);
    this.#timers.answer = setTimeout(() => this.#lost(), ANSWER_MS);
  }

  #ping() {
    if (this.send({ op: "ping" })) this.#expectAnswer();
  }

  #receive(text) {
    clearTimeout(this.#timers.answer);
    clearTimeout(this.#timers.ping);
    this.#timers.ping = setTimeout(() => this.#ping(), PING_MS);
    const frame = JSON.parse(text);
    const known = {
      ready: this.#onReady, following: this.#onFollowing, event: this.#onEvent, resync: this.#onResync,
      left: this.#onLeft, error: this.#onError,
      presence: (f) => this.#options.onPresence?.(f), signal: (f) => this.#options.onSignal?.(f),
    };
    known[frame.op]?.call(this, frame);
  }

  #onReady(frame) {
    const first = !this.#ready;
    this.#ready = true;
    if (!first) return; /* the reply to a renewed token */
    this.#missed = this.#since ? 0 : null;
    /* "all" last: topics that have a cursor of their own resume from it. */
    const names = [...this.#topics.keys()].sort((a, b) => (a === "all") - (b === "all"));
    for (const name of names) this.#sendFollow(name, this.#topics.get(name));
    this.#options.onReady?.(frame);
    this.#settle();
  }

  #sendFollow(topic, t) {
    clearTimeout(t.timer);
    t.ref = `f${++this.#refs}`;
    t.until = null;
    this.send({ op: "follow", topic, ref: t.ref, ...(t.cursor ? { since: t.cursor } : {}) });
  }

  #onFollowing(frame) {
    const t = this.#topic(frame.topic);
    t.ref = null;
    t.refusals = 0;
    t.following = true;
    if (t.cursor && frame.recovered === false) {
      this.#onResync({ ...frame, reason: "not recovered" });
      return;
    }
    /* With `since`, the missed events follow now, and the last of them has this cursor. */
    t.until = t.cursor && frame.cursor !== t.cursor ? frame.cursor : null;
    this.#options.onFollowing?.(frame.topic);
    this.#settle();
  }

  #onEvent(frame) {
    const t = this.#topic(frame.topic);
    if (t.ref !== null && t.cursor) {
      /* An event of an earlier follow while our replay is still outstanding: it must not move the cursor. */
      this.#options.onEvent?.(frame);
      return;
    }
    if (t.seq !== null && frame.seq <= t.seq) return;
    if (t.seq !== null && frame.seq > t.seq + 1) {
      /* Our server never skips a number, but a proxy or a bug might: a gap must not go unnoticed. */
      this.#onResync({ topic: frame.topic, cursor: frame.cursor, reason: "gap" });
    }
    t.seq = frame.seq;
    t.cursor = frame.cursor;
    if (t.until === frame.cursor) t.until = null;
    if (this.#missed !== null) this.#missed++;
    this.#options.onEvent?.(frame);
    this.#settle();
  }

  #onResync(frame) {
    const t = this.#topic(frame.topic);
    t.ref = t.until = t.seq = null;
    t.following = true;
    t.cursor = frame.topic === "all" ? null : frame.cursor ?? null;
    this.#options.onResync?.(frame.topic, frame.cursor, frame.reason);
    this.#settle();
  }

  #onLeft(frame) {
    this.#forget(frame.topic);
    this.#options.onLeft?.(frame.topic, frame.reason);
    this.#settle();
  }

  #onError(frame) {
    this.#options.onError?.(frame);
    for (const [name, t] of this.#topics) {
      if (t.ref === null || t.ref !== frame.ref) continue;
      /* The topic is gone or no longer accessible; any other error may be temporary, so try again. */
      if (frame.code === NOT_FOUND) this.#onLeft({ topic: name, reason: frame.code });
      else if (frame.code === THROTTLED) this.#followLater(name, t);
      else this.#lost();
      return;
    }
  }

  /* Repeats only this follow: the connection is fine, and a new one would count more against our limits. */
  #followLater(name, t) {
    const most = Math.min(LAST_DELAY_MS, LATER_MS * 2 ** t.refusals++);
    t.timer = setTimeout(() => this.#sendFollow(name, t), most * (0.5 + Math.random() / 2));
  }

  /* The state is "live" once every follow is answered and every replay is finished. */
  #settle() {
    if (!this.#ready || this.#state === "live") return;
    clearTimeout(this.#timers.settle);
    const topics = [...this.#topics.values()];
    if (topics.some((t) => t.ref !== null)) return;
    if (topics.every((t) => t.until === null)) this.#settled();
    else this.#timers.settle = setTimeout(() => this.#settled(), SETTLE_MS);
  }

  #settled() {
    const count = this.#missed;
    for (const t of this.#topics.values()) t.until = null;
    this.#missed = null;
    this.#failures = 0;
    this.#since = null;
    this.#setState("live");
    if (count !== null) this.#options.onCaughtUp?.(count);
  }
}
