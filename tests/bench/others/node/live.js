// Socket.IO as a team would use it: a token at the handshake, a membership check at each follow, a
// room per topic; what other processes publish on Redis is emitted to the room.
import { createSecretKey } from "node:crypto";
import { createServer } from "node:http";
import jwt from "jsonwebtoken";
import mongoose from "mongoose";
import { createClient } from "redis";
import { Server } from "socket.io";
import { project } from "./changes.js";

const { PORT, MONGODB_URI, MONGODB_DATABASE, REDIS_URL, SIGNING_KEY } = process.env;
// A key object: for mere bytes jsonwebtoken first tries, at each token, whether they are a public key.
const key = createSecretKey(SIGNING_KEY, "hex");

await mongoose.connect(MONGODB_URI, { dbName: MONGODB_DATABASE, maxPoolSize: 8 });
const http = createServer((req, res) => res.end("ok"));
const io = new Server(http, { transports: ["websocket"], serveClient: false, perMessageDeflate: false });

io.use((socket, next) => {
  try {
    socket.data.userId = jwt.verify(socket.handshake.auth.token, key, {
      algorithms: ["HS256"], issuer: "taskwire", audience: "taskwire",
    }).sub;
    next();
  } catch (err) {
    next(err);
  }
});
io.on("connection", (socket) => {
  socket.on("follow", async (topic) => {
    try {
      await project(topic.replace("project:", ""), socket.data.userId);
      await socket.join(topic);
      socket.emit("following", topic);
    } catch {
      socket.emit("left", topic);
    }
  });
});

const path = REDIS_URL.startsWith("unix://") && { path: REDIS_URL.slice(7) };
const redis = createClient(path ? { socket: path } : { url: REDIS_URL });
await redis.connect();
await redis.pSubscribe("node:*", (frame, channel) => {
  const topic = channel.slice(5);
  io.to(topic).emit("event", JSON.parse(frame));
});
http.listen(Number(PORT), "127.0.0.1", 4096);
