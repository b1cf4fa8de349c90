"""Chooses the database of an installation: the one named by MONGODB_URI or MONGODB_URI_FILE, else an
installed mongod as a one-node replica set, else an embedded stand-in (SecantusDB)."""

import fcntl
import os
import shutil
import subprocess
import sys

import mongo_wire
from places import Refused, free_port

SECANTUS = "secantusdb==0.7.0b3"
# Not secantusd-rs, although it is faster: 0.5.3-beta.193 lets two transactions update to the same
# unique value, so that two accounts could have the same address.
ENGINES = ("mongod", "secantusd-py")


class Database:
    def __init__(self, places, cache, ports):
        self.places, self.cache, self.ports = places, cache, ports
        self.uri = os.environ.get("MONGODB_URI", "")
        # A file with the URI, because it contains a password; only the programs read it.
        self.uri_file = "" if self.uri else os.environ.get("MONGODB_URI_FILE", "")
        # For tests: a proxy between our programs and the database, which sees every command.
        self.proxy, self.proxy_port = os.environ.get("MONGODB_PROXY", ""), None
        self.engine, self.port, self.argv = "MONGODB_URI", None, None
        self.set_checked = False

    def prepare(self, say):
        """Decides on the engine, and installs it if it is the Python one."""
        if self.uri:
            return
        if self.uri_file:
            self.engine = "MONGODB_URI_FILE"
            return
        self.engine = self.choose()
        self.port = self.keep_port()
        store = self.places.path("db", self.engine)
        os.makedirs(store, exist_ok=True)
        if self.engine == "mongod":
            self.argv = [find("mongod"), "--replSet", "taskwire", "--bind_ip", "127.0.0.1",
                         "--nounixsocket", "--port", str(self.port), "--dbpath", store,
                         "--wiredTigerCacheSizeGB", "0.5",
                         "--setParameter", "transactionLifetimeLimitSeconds=30"]
        else:
            # Without --sync-on-commit a kill loses commits that were acknowledged.
            self.argv = [self.install(say), "--host", "127.0.0.1", "--port", str(self.port),
                         "--storage-path", store, "--sync-on-commit", "--log-level", "WARNING"]
        self.uri = f"mongodb://127.0.0.1:{self.port}/?directConnection=true"
        if self.proxy:
            self.proxy_port = free_port(self.ports)

    def programs_settings(self):
        """The settings for connecting to the database, or to the proxy in front of it."""
        if self.uri_file:  # they run in another folder
            return {"MONGODB_URI_FILE": os.path.abspath(self.uri_file)}
        if self.proxy_port is None:
            return {"MONGODB_URI": self.uri}
        return {"MONGODB_URI": f"mongodb://127.0.0.1:{self.proxy_port}/?directConnection=true"}

    def choose(self):
        """The engine whose data is already here, since their file formats differ; else the first one installed."""
        for engine in ENGINES:
            store = self.places.path("db", engine)
            if os.path.isdir(store) and os.listdir(store):
                if engine != "secantusd-py" and not find(engine):
                    raise Refused(f"The data in {store} was written by {engine}, which is not "
                                  f"installed here any more.")
                return engine
        return next(e for e in ENGINES if e == "secantusd-py" or find(e))

    def keep_port(self):
        """The same port as last time if it is free, because a mongod's replica set contains it."""
        path = self.places.path("db", "port")
        try:
            with open(path) as f:
                wanted = int(f.read())
        except (OSError, ValueError):
            wanted = None
        port = free_port(self.ports, wanted)
        with open(path, "w") as f:
            f.write(f"{port}\n")
        return port

    def install(self, say):
        """Installs the stand-in into a venv that all data folders of this checkout share."""
        venv = os.path.join(self.cache, SECANTUS.replace("==", "-"))
        program = os.path.join(venv, "bin", "secantusd-py")
        os.makedirs(self.cache, exist_ok=True)
        with open(os.path.join(self.cache, "lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.path.exists(os.path.join(venv, "complete")):
                return program
            say(f"Installing {SECANTUS} (a stand-in for MongoDB, for trying and testing) ...")
            shutil.rmtree(venv, ignore_errors=True)
            for step in ([python_with_venv(), "-m", "venv", venv],
                         [os.path.join(venv, "bin", "python"), "-m", "pip", "install", "--quiet",
                          "--disable-pip-version-check", SECANTUS]):
                done = subprocess.run(step, stdin=subprocess.DEVNULL, capture_output=True,
                                      text=True)
                if done.returncode != 0:
                    last = (done.stderr or done.stdout).strip().split("\n")[-1]
                    raise Refused(f"{SECANTUS} cannot be installed ({last}): install mongod, or "
                                  f"name a MongoDB with MONGODB_URI.")
            open(os.path.join(venv, "complete"), "w").close()
        return program

    def is_up(self):
        try:
            if self.engine == "mongod" and not self.set_checked:
                self.check_replica_set()
                self.set_checked = True
            return bool(mongo_wire.command(self.port, {"hello": 1}).get("isWritablePrimary"))
        except OSError:
            return False

    def check_replica_set(self):
        """Initiates the replica set of a new mongod; updates its member if the port had to change."""
        host = f"127.0.0.1:{self.port}"
        found = mongo_wire.command(self.port, {"replSetGetConfig": 1})
        config = found.get("config")
        if config is None:
            first = {"_id": "taskwire", "members": [{"_id": 0, "host": host}]}
            mongo_wire.command(self.port, {"replSetInitiate": first}, 10)
        elif config["members"][0]["host"] != host:
            new = {"_id": "taskwire", "version": int(config["version"]) + 1, "protocolVersion": 1,
                   "members": [{"_id": 0, "host": host}]}
            mongo_wire.command(self.port, {"replSetReconfig": new, "force": True}, 10)


def find(program):
    """Searches PATH and Debian's folders for system programs."""
    places = [os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]
    return shutil.which(program, path=os.pathsep.join(places))


def python_with_venv():
    for python in (sys.executable, "/usr/bin/python3"):
        test = subprocess.run([python, "-c", "import ensurepip, venv"], capture_output=True)
        if test.returncode == 0:
            return python
    raise Refused("Python's venv module is missing: apt-get install python3-venv")
