#!/usr/bin/env python3
"""PATCH and creation of tasks by 32 writers in 32 projects: PocketBase (SQLite; it keeps no log, no revision and no idempotency
keys) and ours, in turn.  PocketBase is called directly, ours through nginx; both check that the writer is a member of the project.
The programs are started as tests/bench/run does.  usage: pocketbase.py [--rounds N] [--seconds N]"""
import argparse
import json
import pathlib
import socket
import subprocess
import sys
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "harness"))
import rest  # noqa: E402
import tools  # noqa: E402
import world  # noqa: E402
from load import Load  # noqa: E402
from proc import Meter  # noqa: E402
from stats import Figures, number, spread  # noqa: E402

WRITERS, TASKS = 32, 20
LOGIN = {"identity": "bench@example.org", "password": "a long bench password"}
MEMBER = "project.members.id ?= @request.auth.id"
OPERATIONS = {
    "PATCH": ("patch", "PATCH", "/api/collections/tasks/records/%", rest.PATCH),
    "create": ("create", "POST", "/api/collections/tasks/records", '{"project":"&","title":"Made by the load, number #"}'),
}
TEXT = "One line of words, as people write them in the middle of their work. " * 3


class PocketBase:
    """A server with its own database in a folder, two collections, a user and the user's projects."""

    def __init__(self, around):
        self.folder = around.folder / "pocketbase"
        self.port = world.stacks.free_port()
        program = tools.pocketbase()
        subprocess.run([program, "superuser", "upsert", *LOGIN.values(), "--dir", self.folder], check=True, stdout=subprocess.DEVNULL)
        self.child = around.spawn("pocketbase", [program, "serve", "--http", f"127.0.0.1:{self.port}", "--dir", self.folder])
        world.wait(self.answers, "PocketBase")
        self.token = self.ask("POST", "collections/_superusers/auth-with-password", LOGIN)["token"]
        self.make_collections()
        user = self.ask("POST", "collections/users/records", {
            "email": LOGIN["identity"], "password": LOGIN["password"], "passwordConfirm": LOGIN["password"]})["id"]
        projects = [self.record("projects", {"name": f"Bench {n}", "members": [user]}) for n in range(WRITERS)]
        self.token = self.ask("POST", "collections/users/auth-with-password", LOGIN)["token"]
        self.ids = around.ids_file("pocketbase", {p: [
            self.record("tasks", {"project": p, "title": f"Task {n}", "description": TEXT}) for n in range(TASKS)] for p in projects})

    def answers(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def ask(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/{path}", json.dumps(body).encode() if body else None, {
            "Content-Type": "application/json", **({"Authorization": "Bearer " + self.token} if hasattr(self, "token") else {})}, method=method)
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.load(reply)

    def record(self, collection, body):
        return self.ask("POST", f"collections/{collection}/records", body)["id"]

    def make_collections(self):
        def relation(name, to, most):
            return {"name": name, "type": "relation", "collectionId": self.ask("GET", "collections/" + to)["id"], "maxSelect": most}

        self.ask("POST", "collections", {"name": "projects", "type": "base", "fields": [
            {"name": "name", "type": "text"}, relation("members", "users", 999)]})
        self.ask("POST", "collections", {"name": "tasks", "type": "base", **{rule + "Rule": MEMBER for rule in ("view", "create", "update")},
                                         "fields": [relation("project", "projects", 1), {"name": "title", "type": "text", "required": True},
                                                    *[{"name": n, "type": "text"} for n in ("description", "status", "priority")],
                                                    {"name": "dueAt", "type": "date"}, {"name": "created", "type": "autodate", "onCreate": True},
                                                    {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True}],
                                         "indexes": ["CREATE INDEX by_update ON tasks (project, updated)", "CREATE INDEX by_due ON tasks (project, dueAt)"]})


def measure(load, around, args):
    other = PocketBase(around)
    projects = {}
    for n in range(WRITERS):
        project = around.project(f"Bench {n}")
        projects[project] = around.add_tasks(project, TASKS)
        around.request("GET", f"/v1/tasks?projectId={project}")  # as a client does before it changes tasks
    ids = around.ids_file("ours", projects)
    ours, meter = rest.Http(load, around, around.address, around.tiers(), "api"), Meter({"own": [other.child.pid]})
    figures = Figures()

    def one(name, operation):
        if name == "ours":
            out, _, used = ours.run(rest.OPERATIONS[operation], args.seconds, ids)
        else:
            meter.start()
            out = load.http(f"127.0.0.1:{other.port}", WRITERS, args.seconds, *OPERATIONS[operation][1:3], other.ids, other.token, OPERATIONS[operation][3])
            used = meter.read()
        figures.add(f"{operation}, {name}", rate=out["rate"], p50=out["p50"] / 1000, p99=out["p99"] / 1000, cpu=sum(used.values()) / max(1, out["ok"]) * 1e6)
    for n in range(-1, args.rounds):
        for operation in OPERATIONS:
            for name in ("ours", "PocketBase")[::1 if n % 2 else -1]:
                one(name, operation)
        if n < 0:
            figures = Figures()  # the first round only warms up
    return figures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    args = parser.parse_args()
    with world.World() as around:
        figures = measure(Load(tools.programs()), around, args)
    for operation in OPERATIONS:
        for name in ("ours", "PocketBase"):
            row = f"{operation}, {name}"
            print(f"{row:20} {number(figures.middle(row, 'rate'))}/s, ratio {spread(figures.ratios(row, operation + ', PocketBase', 'rate'))}, "
                  f"p50 {number(figures.middle(row, 'p50'))} ms, p99 {number(figures.middle(row, 'p99'))} ms, CPU of all tiers {number(figures.middle(row, 'cpu'))} µs")


if __name__ == "__main__":
    main()
