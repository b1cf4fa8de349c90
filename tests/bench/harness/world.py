"""What is measured: one MongoDB server, one Taskwire through nginx on it, with
users, projects and tasks that are created through the API and copied in the database."""
import contextlib
import copy
import datetime
import http.client
import importlib.util
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import bson
import pymongo

import tools

sys.path.insert(0, str(tools.ROOT / "tests"))
import stack as stacks  # noqa: E402  (tests/stack.py)
import tokens  # noqa: E402  (tests/tokens.py)

BATCH = 1000


def stacks_of(tree):
    """tests/stack.py of another checkout, and the folder of its programs."""
    tree = pathlib.Path(tree).resolve()
    spec = importlib.util.spec_from_file_location("stack_before", tree / "tests" / "stack.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, tree / "var" / "build"


class World:
    """`with World(...) as w:` starts everything, and removes everything at the end.
    uri: of a database server that runs.  tree: another checkout, whose programs in its var/build are started instead of ours."""

    def __init__(self, api_programs=1, settings=None, database="bench", uri="", tree=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="taskwire-bench-"))
        self.database, self.uri = database, uri or os.environ.get("MONGODB_URI", "")
        self.stacks, self.build = stacks_of(tree) if tree else (stacks, None)
        self.api_programs, self.more = api_programs, settings or {}
        self.close = contextlib.ExitStack()
        self.mongod = None

    def __enter__(self):
        try:
            self.close.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self.start_database()
            self.start_ours()
            self.make_people()
        except BaseException:
            self.close.close()
            raise
        return self

    def __exit__(self, *_):
        self.close.close()

    def start_database(self):
        if not self.uri:
            name, path = tools.database_program()
            port, data = stacks.free_port(), self.folder / "db"
            data.mkdir()
            self.uri = f"mongodb://127.0.0.1:{port}/?directConnection=true"
            command = [path, "--port", port, "--dbpath", data, "--replSet", "bench",
                       "--bind_ip", "127.0.0.1"] if name == "mongod" else \
                      [path, "--port", port, "--storage-path", data, "--sync-on-commit",
                       "--log-level", "WARNING"]
            self.mongod = self.spawn("mongodb", command)
        self.client = pymongo.MongoClient(self.uri, serverSelectionTimeoutMS=20000)
        if self.mongod and tools.database_program()[0] == "mongod":
            self.client.admin.command("replSetInitiate", {"_id": "bench", "members": [
                {"_id": 0, "host": self.uri.split("/")[2]}]})
        wait(lambda: self.client.admin.command("hello").get("isWritablePrimary"), "MongoDB")
        self.db = self.client[self.database]
        if not self.mongod:  # a server of our own ends with its files
            self.close.callback(self.client.drop_database, self.database)

    def start_ours(self):
        self.push_port = stacks.free_port()
        settings = {"MONGODB_URI": self.uri, "MONGODB_DATABASE": self.database,
                    "PUSH_LISTEN": f"127.0.0.1:{self.push_port}", "PUSH_USER_SOCKETS": "1000000",
                    "PUSH_ADDRESS_SOCKETS": "1000000", "PUSH_HELLO_SECONDS": "60", **self.more}
        self.stack = self.stacks.Stack(build=self.build, data=self.folder / "ours", api=self.api_programs, settings=settings)
        self.stack.start()
        self.close.callback(self.stack.stop)
        self.address = f"127.0.0.1:{self.stack.port}"

    def spawn(self, name, command, **more):
        """Starts a program that ends with this one; its output goes to a file."""
        log = open(self.folder / f"{name}.log", "ab")  # noqa: SIM115 (the program's own)
        child = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=log,
                                 stderr=log, start_new_session=True, **more)
        log.close()
        self.close.callback(end, child)
        return child

    # The tiers' processes.

    def tiers(self):
        pids = self.stack.pids()
        tiers = {"api": [p for n, p in pids.items() if n.startswith("api-")],
                 "nginx": [pids["nginx"]], "push": [pids["push-1"]], "redis": [pids["redis"]]}
        if self.mongod:
            tiers["db"] = [self.mongod.pid]
        return tiers

    def restart(self, *programs):
        """Restarts some of our programs: ends them, and the supervisor starts them again."""
        for name in programs:
            self.stack.wait_restarted(name, self.stack.kill(name, signal.SIGTERM), 30)
        wait(lambda: self.request("GET", "/v1/ready"), "ours", 30)
        time.sleep(1)

    # Users and their data.

    def request(self, method, path, body=None, expect=(200, 201)):
        link = http.client.HTTPConnection(self.address, timeout=30)
        headers = {"Content-Type": "application/json"}
        if getattr(self, "token", None):
            headers["Authorization"] = "Bearer " + self.token
        link.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = link.getresponse()
        text = answer.read()
        link.close()
        if answer.status not in expect:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]}")
        return json.loads(text) if text else None

    def make_people(self):
        opened = self.request("POST", "/v1/users", {
            "email": "bench@example.org", "phone": "+4915112345678", "name": "Bench",
            "password": "a long bench password"})
        self.user = opened["user"]["id"]
        self.keys = tokens.read_keys(self.stack.signing_keys_file)
        head, claims = tokens.header(opened["accessToken"]), tokens.claims(opened["accessToken"])
        claims["exp"] = int(time.time()) + 86400  # a run is longer than a token's ten minutes
        self.token = tokens.make(head, claims, self.keys[head["kid"]])
        self.signing_key = tokens.for_access(self.keys[head["kid"]]).hex()

    def project(self, name="Bench"):
        return self.request("POST", "/v1/projects", {"name": name})["id"]

    def add_members(self, project, count):
        """Adds members up to `count`; who they are makes no difference."""
        found = self.db.projects.find_one({"_id": bson.ObjectId(project)})["members"]
        more = [{**found[0], "userId": bson.ObjectId(), "role": "member"}
                for _ in range(count - len(found))]
        # The caller last, so that a search that stops early has no advantage.
        # A new rev, as after every change, so that the api's copy of the project is out of date.
        self.db.projects.update_one({"_id": bson.ObjectId(project)},
                                    {"$set": {"members": more + found}, "$inc": {"rev": bson.Int64(1)}})

    def add_tasks(self, project, count, sample=None):
        """Adds `count` copies of a task that the API created; returns their ids."""
        made = self.request("POST", "/v1/tasks", {
            "projectId": project, "title": "Write the report on what was measured today",
            "description": "One line of words, as people write them in the middle of their work. " * 3})
        like = self.db.tasks.find_one({"_id": bson.ObjectId(made["id"])})
        start, ids, batch = self.number(project), [made["id"]], []
        now = datetime.datetime.now(datetime.timezone.utc)
        for i in range(count - 1):
            doc = {"_id": bson.ObjectId(), **{k: v for k, v in like.items() if k != "_id"}}
            doc["number"] = bson.Int64(start + i + 1)
            doc["position"] = f"{like['position']}{i:08d}V"
            doc["createdAt"] = doc["updatedAt"] = now + datetime.timedelta(milliseconds=i)
            batch.append(doc)
            if len(ids) < (sample or count):
                ids.append(str(doc["_id"]))
            if len(batch) == BATCH or i == count - 2:
                self.db.tasks.insert_many(batch, ordered=False)
                batch = []
        self.db.topics.update_one({"_id": f"project:{project}"},
                                  {"$set": {"tasks": bson.Int64(start + count)}})
        return ids

    def number(self, project):
        topic = self.db.topics.find_one({"_id": f"project:{project}"})
        return int(topic.get("tasks", 1))

    def ids_file(self, name, projects):
        """projects: {project id: task ids}; the file that the load programs read."""
        path = self.folder / f"{name}.ids"
        path.write_text("".join(f"{task} {project}\n" for project, ids in projects.items()
                                for task in ids))
        return path

    def frame(self, project):
        """The newest event as an object: fan-out sends its text."""
        found = self.db.events.find_one({"topic": f"project:{project}"}, sort=[("seq", -1)])
        return json.loads(found["frame"]), copy.copy(found)

    def log(self, name):
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace")[-800:] if path.exists() else ""


def wait(condition, what, seconds=30):
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        try:
            if condition():
                return
        except (OSError, http.client.HTTPException, pymongo.errors.PyMongoError):
            pass
        time.sleep(0.05)
    raise RuntimeError(f"{what} was not ready within {seconds} s")


def end(child):
    if child.poll() is not None:
        return
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(15)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
