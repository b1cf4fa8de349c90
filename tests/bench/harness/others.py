"""The stacks that we are compared with: each is started once and stopped at the end of the run."""
import datetime
import http.client
import json
import os
import pathlib
import resource
import socket
import tempfile
import time

import bson

import tools
from proc import family
from world import end, stacks, wait

object_id = bson.ObjectId


def answers(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


def start(world, name, command, env=None, **more):
    """Runs a program that listens on a port of its own: (child, port)."""
    port = stacks.free_port()
    command = [str(c).replace("@PORT@", str(port)) for c in command]
    child = world.spawn(name, command, env={**os.environ, **(env or {}), "PORT": str(port)}, **more)

    def up():
        if child.poll() is not None:
            raise RuntimeError(f"{name} ended: {world.log(name)}")
        return answers(port)
    wait(up, name)
    return child, port


def node(world, script, workers=2):
    folder = tools.node()
    return start(world, script, [tools.need("node"), f"{script}.js"], {
        "MONGODB_URI": world.uri, "MONGODB_DATABASE": world.database, "WORKERS": str(workers),
        "REDIS_URL": world.stack.redis_url, "SIGNING_KEY": world.signing_key,
        "NODE_ENV": "production"}, cwd=folder)


class Redis:
    """The part of a Redis client that a publisher needs."""

    def __init__(self, url):
        if url.startswith("unix://"):
            self.link = socket.socket(socket.AF_UNIX)
            self.link.connect(url[7:])
        else:
            host, port = url.split("//")[1].split("/")[0].split(":")
            self.link = socket.create_connection((host, int(port)))

    def publish(self, channel, message):
        parts = [b"PUBLISH", channel.encode(), message]
        self.link.sendall(b"*3\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
        answer = self.link.recv(256)
        if not answer.startswith(b":"):
            raise RuntimeError(f"Redis said {answer!r}")


class Live:
    """A system that sends a message to many sockets.  `tiers`: whose CPU is its cost."""

    path, headers, steps, child = "/", "", (), None

    def __init__(self, world, frame):
        self.world, self.frame = world, frame

    def message(self):
        """The text of the newest event, with the time of sending in it."""
        text = json.dumps({**self.frame, "sent": "@"}, separators=(",", ":"))
        return text.replace('"sent":"@"', f'"sent":" @{time.monotonic_ns()}"').encode()

    def close(self):
        if self.child:
            end(self.child)


class Floor(Live):
    def __init__(self, world, frame):
        super().__init__(world, frame)
        self.child, self.port = start(world, "bare_fanout",
                                      [tools.programs() / "bare_fanout", "@PORT@"])
        self.link = socket.create_connection(("127.0.0.1", self.port))
        self.link.sendall(b"PUBLISH\n")
        time.sleep(0.2)

    def publish(self):
        text = self.message()
        self.link.sendall(len(text).to_bytes(4, "big") + text)

    def tiers(self):
        return {"server": [self.child.pid]}


class Posted(Live):
    """Systems that accept a message over HTTP."""

    post = "/pub"

    def publish(self):
        # A server closes a persistent connection that has been idle for seconds.
        if not hasattr(self, "link") or time.monotonic() - self.used > 2:
            self.link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        self.link.request("POST", self.post, self.message())
        answer = self.link.getresponse()
        answer.read()
        self.used = time.monotonic()
        if answer.status >= 300:
            raise RuntimeError(f"{type(self).__name__}: {answer.status}")

    def tiers(self):
        return {"server": [self.child.pid]}


class Ws(Posted):
    def __init__(self, world, frame):
        super().__init__(world, frame)
        self.child, self.port = node(world, "ws")


class Nchan(Posted):
    path = "/sub"

    def __init__(self, world, frame):
        super().__init__(world, frame)
        folder = pathlib.Path(tempfile.mkdtemp(prefix="nchan-", dir=world.folder))
        text = (tools.OTHERS / "nchan" / "nginx.conf.in").read_text()
        self.port = stacks.free_port()
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        for name, value in {"MODULE": tools.nchan(), "DIR": folder, "PORT": self.port,
                            "OPEN_FILES": min(files, 65536)}.items():
            text = text.replace(f"@{name}@", str(value))
        if os.geteuid() != 0:
            text = text.replace("user root;\n", "")
        (folder / "nginx.conf").write_text(text)
        self.child = world.spawn("nchan", [tools.need("nginx"), "-e", folder / "error.log", "-p",
                                           folder, "-c", folder / "nginx.conf"])
        wait(lambda: answers(self.port) and len(family(self.child.pid)) > 1, "nchan")


class Centrifuge(Posted):
    path = "/ws"
    steps = ('say:{"id":1,"connect":{}}', 'wait:"connect"')

    def __init__(self, world, frame):
        super().__init__(world, frame)
        self.child, self.port = start(world, "centrifuge", [tools.centrifuge()])


class SocketIo(Live):
    path = "/socket.io/?EIO=4&transport=websocket"

    def __init__(self, world, frame, project):
        super().__init__(world, frame)
        self.project = project
        self.child, self.port = node(world, "live")
        self.redis = Redis(world.stack.redis_url)
        topic = f"project:{project}"
        self.steps = ("wait:0{", 'say:40{"token":"%s"}' % world.token, "wait:40{",
                      'say:42["follow","%s"]' % topic, 'wait:"following"')

    def publish(self):
        self.redis.publish(f"node:project:{self.project}", self.message())

    def tiers(self):
        return {"server": [self.child.pid]}


class Ours(Live):
    """taskwire-push, directly or through nginx.  A message is an event of the log: stored and then published as taskwire-api does it."""

    path = "/v1/live"

    def __init__(self, world, frame, project, through_nginx=False):
        super().__init__(world, frame)
        self.project, self.through_nginx = project, through_nginx
        self.port = world.stack.port if through_nginx else world.push_port
        self.redis = Redis(world.stack.redis_url)
        topic = f"project:{project}"
        self.topic = topic
        self.headers = (f"Sec-WebSocket-Protocol: taskwire.v1\r\nOrigin: {world.stack.url}\r\n")
        self.steps = ('say:{"op":"hello","token":"%s"}' % world.token, 'wait:"ready"',
                      'say:{"op":"follow","topic":"%s"}' % topic, 'wait:"following"')

    def publish(self):
        db, topic = self.world.db, self.topic
        db.topics.update_one({"_id": topic}, {"$inc": {"seq": 1}})
        seq = int(db.topics.find_one({"_id": topic})["seq"])
        epoch = self.frame["cursor"].split("~")[0]
        self.frame = {**self.frame, "topic": topic, "seq": seq,
                      "cursor": f"{epoch}~p{self.project}.{seq}"}
        stored = dict(self.world.frame_stored)
        stored.pop("_id")
        stored.update(topic=topic, seq=seq, frame=self.message().decode())
        stored["at"] = datetime.datetime.now(datetime.timezone.utc)
        db.events.insert_one(stored)
        head = f"{seq} {self.frame['kind']} {self.frame['entityId']}\n".encode()
        self.redis.publish(f"tw:{topic}", head + self.message())

    def tiers(self):
        all_tiers = self.world.tiers()
        tiers = {"push": all_tiers["push"]}
        if self.through_nginx:
            tiers["nginx"] = all_tiers["nginx"]
        return tiers
