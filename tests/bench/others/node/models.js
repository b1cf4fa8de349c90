// The collections as Mongoose sees them: the same documents as ours, on the same server.
import mongoose from "mongoose";

const { Schema } = mongoose;
const { ObjectId } = Schema.Types;
const options = { versionKey: false, autoIndex: false, autoCreate: false };

export const Topic = mongoose.model("Topic", new Schema({
  _id: String, seq: Number, tasks: Number,
}, { ...options, collection: "topics" }));

export const Project = mongoose.model("Project", new Schema({
  rev: Number, name: String, access: String, deletedAt: Date,
  members: [{ _id: false, userId: ObjectId, role: String }],
  statuses: [{ _id: false, id: String, name: String, kind: String }],
  labels: [{ _id: false, id: String, name: String, colour: String }],
}, { ...options, collection: "projects" }));

export const Task = mongoose.model("Task", new Schema({
  rev: Number, projectId: ObjectId, number: Number,
  title: { type: String, required: true, minlength: 1, maxlength: 500 },
  description: { type: String, default: "", maxlength: 50000 },
  status: { type: String, default: "todo" },
  priority: { type: Number, default: 0, min: 0, max: 4 },
  startAt: { type: Date, default: null }, startDate: { type: String, default: null },
  dueAt: { type: Date, default: null }, dueDate: { type: String, default: null },
  dueKey: Date,
  assigneeIds: { type: [ObjectId], default: [] }, labelIds: { type: [String], default: [] },
  parentId: { type: ObjectId, default: null },
  checklist: { type: [{ _id: false, id: String, text: String, done: Boolean }], default: [] },
  relations: { type: [{ _id: false, kind: String, taskId: ObjectId }], default: [] },
  position: String, terms: [String],
  completedAt: { type: Date, default: null }, archivedAt: { type: Date, default: null },
  deletedAt: { type: Date, default: null },
  createdAt: Date, createdBy: ObjectId, updatedAt: Date, updatedBy: ObjectId,
}, { ...options, collection: "tasks" }));

export const Event = mongoose.model("Event", new Schema({
  topic: String, seq: Number, kind: String, entity: String, entityId: ObjectId, rev: Number,
  actorId: ObjectId, at: Date, frame: String,
}, { ...options, collection: "events" }));

const priorities = ["none", "low", "medium", "high", "urgent"];

/** A stored document as clients see it. */
export function shown(doc) {
  const { _id, terms, dueKey, ...rest } = doc;
  return { id: _id, ...rest, priority: priorities[rest.priority] };
}
