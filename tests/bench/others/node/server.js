// REST as a team would write it with Express and Mongoose: lean reads, one process per core, and the
// same guarantees as ours: rights by membership, a number, an event and the change in one transaction.
import cluster from "node:cluster";
import { createSecretKey } from "node:crypto";
import express from "express";
import jwt from "jsonwebtoken";
import mongoose from "mongoose";
import { createClient } from "redis";
import { Refused, change, project } from "./changes.js";
import { Task, shown } from "./models.js";

const { PORT, WORKERS = "2", MONGODB_URI, MONGODB_DATABASE, REDIS_URL, SIGNING_KEY } = process.env;
// A key object: for mere bytes jsonwebtoken first tries, at each token, whether they are a public key.
const key = createSecretKey(SIGNING_KEY, "hex");
const id = /^[0-9a-f]{24}$/;
const editable = new Set(["title", "description", "status", "labelIds", "assigneeIds"]);

function authenticate(req, res, next) {
  const [, token] = /^Bearer (.+)$/.exec(req.get("authorization") ?? "") ?? [];
  try {
    const claims = jwt.verify(token, key, {
      algorithms: ["HS256"], issuer: "taskwire", audience: "taskwire",
    });
    req.userId = claims.sub;
    next();
  } catch {
    next(new Refused(401));
  }
}

function checkBody(body, creating) {
  for (const name of Object.keys(body))
    if (!editable.has(name) && !(creating && name === "projectId")) throw new Refused(422);
  if (creating && typeof body.title !== "string") throw new Refused(422);
}

function routes(app, publish) {
  app.get("/v1/health", (req, res) => res.json({ status: "ok" }));
  app.use(authenticate);

  app.get("/v1/tasks/:id", async (req, res) => {
    if (!id.test(req.params.id)) throw new Refused(404);
    const task = await Task.findById(req.params.id).lean();
    if (!task || task.deletedAt) throw new Refused(404);
    await project(task.projectId, req.userId);
    res.set("ETag", `"${task.rev}"`).json(shown(task));
  });

  app.get("/v1/tasks", async (req, res) => {
    const limit = Math.min(Number(req.query.limit ?? 50), 200);
    if (!id.test(req.query.projectId)) throw new Refused(400);
    await project(req.query.projectId, req.userId);
    const found = await Task.find({ projectId: req.query.projectId, archivedAt: null, deletedAt: null })
      .sort({ position: 1, _id: 1 }).limit(limit + 1).lean();
    const items = found.slice(0, limit).map(shown);
    const last = items.at(-1);
    const nextCursor = found.length > limit
      ? Buffer.from(JSON.stringify([last.position, last.id])).toString("base64url") : null;
    res.json({ items, nextCursor });
  });

  app.patch("/v1/tasks/:id", async (req, res) => {
    if (!id.test(req.params.id)) throw new Refused(404);
    checkBody(req.body, false);
    const known = await Task.findById(req.params.id, { projectId: 1 }).lean();
    if (!known) throw new Refused(404);
    const data = await change(String(known.projectId), req.userId, false, async ({ session, project }) => {
      const task = await Task.findById(req.params.id).session(session);
      if (!task || task.deletedAt) throw new Refused(404);
      if (req.body.status && !project.statuses.some((s) => s.id === req.body.status)) throw new Refused(422);
      const before = task.toObject(), rev = task.rev;
      task.set({ ...req.body, rev: rev + 1, updatedAt: new Date(), updatedBy: req.userId });
      await task.validate();
      const after = task.toObject();
      const stored = await Task.replaceOne({ _id: task._id, rev }, after, { session });
      if (stored.matchedCount === 0) throw new Refused(409);
      const changes = Object.fromEntries(Object.keys(req.body).map((k) => [k, [before[k], after[k]]]));
      return { kind: "task.updated", task, changes, data: shown(after) };
    }, publish);
    res.set("ETag", `"${data.rev}"`).json(data);
  });

  app.post("/v1/tasks", async (req, res) => {
    checkBody(req.body, true);
    if (!id.test(req.body.projectId)) throw new Refused(422);
    const data = await change(req.body.projectId, req.userId, true, async ({ session, seq, tasks }) => {
      const now = new Date();
      const task = new Task({
        ...req.body, rev: 1, number: tasks, position: `W${seq.toString(36)}`, dueKey: new Date("9999-12-31"),
        createdAt: now, createdBy: req.userId, updatedAt: now, updatedBy: req.userId,
        terms: req.body.title.toLowerCase().split(/\s+/),
      });
      await task.save({ session });
      return { kind: "task.created", task, changes: {}, data: shown(task.toObject()) };
    }, publish);
    res.status(201).set("Location", `/v1/tasks/${data.id}`).json(data);
  });

  app.get("/v1/projects/:id/snapshot", async (req, res) => {
    if (!id.test(req.params.id)) throw new Refused(404);
    const topic = await mongoose.connection.collection("topics").findOne({ _id: `project:${req.params.id}` });
    const found = await project(req.params.id, req.userId);
    const tasks = await Task.find({ projectId: req.params.id, deletedAt: null }).lean();
    res.json({ project: found, cursor: String(topic.seq), members: found.members, tasks: tasks.map(shown) });
  });

  app.use((err, req, res, next) => {
    const status = err instanceof Refused ? err.status : err.name === "ValidationError" ? 422 : 500;
    if (status === 500) console.error(err);
    res.status(status).type("application/problem+json").json({ status, title: "refused" });
  });
}

async function serve() {
  await mongoose.connect(MONGODB_URI, {
    dbName: MONGODB_DATABASE, maxPoolSize: 32, w: "majority", readConcernLevel: "majority",
  });
  const socket = REDIS_URL.startsWith("unix://") && { path: REDIS_URL.slice(7) };
  const redis = createClient(socket ? { socket } : { url: REDIS_URL });
  await redis.connect();
  const app = express();
  app.disable("x-powered-by").set("etag", false);
  app.use(express.json({ limit: "1mb", type: ["application/json", "application/merge-patch+json"] }));
  routes(app, (topic, frame) => redis.publish(`node:${topic}`, frame));
  app.listen(Number(PORT), "127.0.0.1", 4096);
}

if (cluster.isPrimary) {
  for (let i = 0; i < Number(WORKERS); i++) cluster.fork();
  cluster.on("exit", () => process.exit(1));
} else {
  await serve();
}
