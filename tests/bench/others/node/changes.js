// One change, one transaction, one event: what common/change/event_log.c does, with the tools of this stack.
import mongoose from "mongoose";
import { Event, Project, Topic } from "./models.js";

export class Refused extends Error {
  constructor(status) {
    super(String(status));
    this.status = status;
  }
}

const writers = new Set(["member", "admin", "owner"]);

/** The project, if the user is a member of it (and may write, when that is asked). */
export async function project(id, userId, { write = false, session } = {}) {
  const found = await Project.findById(id).session(session ?? null).lean();
  const member = found?.members.find((m) => m.userId.equals(userId));
  if (!member || found.deletedAt) throw new Refused(404);
  if (write && !writers.has(member.role)) throw new Refused(403);
  return found;
}

/**
 * Runs work({session, project, seq, tasks}) in a transaction that has taken the topic's next number;
 * it returns {kind, task, changes} for the event.  The driver repeats what conflicts.
 */
export async function change(projectId, userId, counts, work, publish) {
  const topic = `project:${projectId}`;
  let result, frame;
  await mongoose.connection.transaction(async (session) => {
    const inc = counts ? { seq: 1, tasks: 1 } : { seq: 1 };
    const moved = await Topic.updateOne({ _id: topic }, { $inc: inc }, { session });
    if (moved.matchedCount === 0) throw new Refused(404);
    const { seq, tasks } = await Topic.findById(topic).session(session).lean();
    const found = await project(projectId, userId, { write: true, session });
    const { kind, task, data, changes } = await work({ session, project: found, seq, tasks });
    const at = new Date();
    frame = JSON.stringify({
      op: "event", topic, seq, kind, actorId: userId, at, entity: "task", entityId: task._id,
      rev: task.rev, changes, data,
    });
    await Event.collection.insertOne({
      topic, seq, kind, entity: "task", entityId: task._id, rev: task.rev,
      actorId: new mongoose.Types.ObjectId(userId), at, frame,
    }, { session });
    result = data;
  }, { readConcern: "snapshot", writeConcern: { w: "majority" } });
  await publish(topic, frame);
  return result;
}
