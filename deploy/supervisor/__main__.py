"""Runs one installation of Taskwire: starts its programs in order, waits until they are ready, keeps
them running and stops them all.  deploy/up calls this after installing and building."""

import argparse
import http.client
import os
import signal
import subprocess
import sys
import time

from database import Database
from keeper import Keeper
from places import Places, Refused, require_port
from programs import Programs
from terminal import Follower, last_lines

UP_SECONDS = 60
# A program that dies this often during the start cannot run.
START_DEATHS = 4


class Stopped(Exception):
    """A request to stop came before the start was complete."""


def options():
    p = argparse.ArgumentParser(prog="supervisor")
    p.add_argument("--port", type=int, required=True)
    p.add_argument("--data", required=True)
    p.add_argument("--cache", required=True)
    p.add_argument("--build", required=True)
    p.add_argument("--nginx", required=True)
    p.add_argument("--api", type=int, required=True)
    p.add_argument("--push", type=int, required=True)
    p.add_argument("--jobs", type=int, required=True)
    p.add_argument("--detach", action="store_true")
    p.add_argument("--with-pid", type=int, default=0)
    return p.parse_args()


class Installation:
    def __init__(self, options, out):
        self.options, self.out = options, out
        self.places = Places(options.data)
        self.keeper = Keeper(self.write_state)
        self.follower = Follower(out)
        self.database = self.programs = None
        self.ready = False
        self.last_answer = ""

    def say(self, text):
        self.show(lambda: print(text, file=self.out, flush=True))

    def show(self, write):
        """If nobody reads our output any more, stop as if the terminal had been closed."""
        try:
            write()
        except OSError:
            self.out = self.follower.out = open(os.devnull, "w")
            self.keeper.ask_stop()

    def write_state(self):
        programs = self.keeper.describe()
        for p in self.keeper.programs:
            for key in ("socket", "metrics"):
                if hasattr(p, key):
                    programs[p.name][key] = getattr(p, key)
        self.places.write_state({
            "url": self.programs.base, "port": self.options.port, "ready": self.ready,
            "data": self.places.data, "supervisor": os.getpid(),
            "mongodb": {"engine": self.database.engine, "uri": self.database.uri},
            "redis": {"url": self.programs.redis_url}, "programs": programs})

    def tick(self, seconds=0.25):
        self.keeper.tick(seconds)
        self.show(self.follower.show)
        if self.options.with_pid and not os.path.exists(f"/proc/{self.options.with_pid}"):
            self.keeper.ask_stop()

    def start(self):
        ports = {self.options.port}
        self.places.claim()
        require_port(self.options.port)
        self.database = Database(self.places, self.options.cache, ports)
        self.database.prepare(self.say)
        self.programs = Programs(self.options, self.places, self.database, ports)
        self.places.write_env(self.programs.settings())
        first = ([self.programs.mongodb()] if self.database.argv else []) + \
            ([] if os.environ.get("REDIS_URL") else [self.programs.redis()]) + \
            ([self.programs.proxy()] if self.database.proxy_port else [])
        ours = [self.programs.own(kind, n + 1) for kind in ("api", "push", "jobs")
                for n in range(getattr(self.options, kind))]
        self.start_together(first)
        self.migrate()
        for wave in (ours, [self.programs.nginx()]):
            self.start_together(wave)
        self.wait(self.is_ready, "GET /v1/ready", self.keeper.programs)
        self.ready = True
        self.write_state()

    def migrate(self):
        """Runs taskwire-admin migrate until it succeeds, however long it builds indexes."""
        limit, log = time.monotonic() + UP_SECONDS, self.places.log("admin")
        self.follower.follow("admin", log)
        while True:
            with open(log, "ab") as out:
                admin = subprocess.Popen([self.programs.built("taskwire-admin"), "migrate"], stdin=subprocess.DEVNULL,
                                         stdout=out, stderr=out, env={**os.environ, **self.programs.settings()})
            while admin.poll() is None:
                self.tick(0.05)
                if self.keeper.stop_asked:
                    admin.terminate()
                    admin.wait()
                    raise Stopped()
            if admin.returncode == 0:
                return
            if admin.returncode == 2 or time.monotonic() > limit:
                raise Refused(f"taskwire-admin migrate failed. Its last lines:\n{last_lines(log)}")
            self.tick(0.5)

    def start_together(self, wave):
        for program in wave:
            self.follower.follow(program.name, program.log)
            self.keeper.start(program)
        for program in wave:
            self.wait(program.is_up, program.name, [program])

    def wait(self, is_up, what, suspects):
        """Waits until is_up(); fails if a program keeps dying or the time is over."""
        limit = time.monotonic() + UP_SECONDS
        while not is_up():
            self.tick(0.05)
            if self.keeper.stop_asked:
                raise Stopped()
            for p in self.keeper.programs:
                if p.quick_deaths >= START_DEATHS:
                    raise Refused(f"{p.name} ends as soon as it is started ({p.last_exit}). "
                                  f"Its last lines:\n{last_lines(p.log)}")
            if time.monotonic() > limit:
                logs = "\n".join(f"{p.name}:\n{last_lines(p.log, 5)}" for p in suspects)
                raise Refused(f"{what} did not succeed within {UP_SECONDS} s.{self.last_answer} "
                              f"Last lines:\n{logs}")

    def is_ready(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.options.port, timeout=5)
        try:
            connection.request("GET", "/v1/ready")
            reply = connection.getresponse()
            words = reply.read(500).decode(errors="replace")
            self.last_answer = f" It returned {reply.status}: {words}."
            return reply.status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def announce(self):
        base = self.programs.base
        kept = "deploy/down" if self.options.detach else "Ctrl-C"
        self.say(f"\nTaskwire is ready.\n  web client  {base}/\n  API         {base}/v1\n"
                 f"  database    {self.database.engine}\n  data, logs  {self.places.data}\n"
                 f"{kept} stops it and keeps the data.\n")

    def stop(self):
        """Stops from the outside inwards, so that started requests are answered; the database last."""
        names = [p.name for p in self.keeper.programs]
        outer = [n for n in names if n == "nginx" or n.startswith("push-")]
        inner = [n for n in names if n.startswith(("api-", "jobs-"))]
        for wave, seconds in ((outer, 10), (inner, 15), (names, 30)):
            self.keeper.stop(wave, seconds)
        self.show(self.follower.show)
        if self.places.lock is not None and self.places.sockets:
            self.places.leave()

    def run(self, report):
        """Runs until stopped; returns the exit status.  Calls report(ok) once the start has succeeded, or
        has failed and everything is stopped again."""
        status = 1
        try:
            self.start()
            self.announce()
            report(True)
            while not self.keeper.stop_asked:
                self.tick()
            self.say("Stopping ...")
            status = 0
        except Stopped:
            self.say("Stopping ...")
        except Refused as e:
            self.say(f"deploy/up: {e}")
        finally:
            self.stop()
            report(False)
        return status


def detach(opts):
    """Continues in the background; the calling process prints its output until it is ready."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.setsid()
        return run_detached(opts, os.fdopen(writer, "w"))
    os.close(writer)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda n, _: os.kill(child, n))
    with os.fdopen(reader) as words:
        text, _, verdict = words.read().partition("\0")
    sys.stdout.write(text)
    return 0 if verdict == "ok" else 1


def run_detached(opts, to_caller):
    installation = Installation(opts, to_caller)
    installation.follower.show = lambda: None
    with open(os.devnull, "r+") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(nothing.fileno(), 1)

    def report(ok):
        if not to_caller.closed:
            to_caller.write("\0ok" if ok else "\0failed")
            to_caller.close()
            installation.out = sys.stdout
            os.dup2(1, 2)
    return installation.run(report)


def main():
    opts = options()
    os.umask(0o077)
    if opts.detach:
        return detach(opts)
    return Installation(opts, sys.stdout).run(lambda ok: None)


sys.exit(main())
