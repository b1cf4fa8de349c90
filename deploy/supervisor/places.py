"""The data folder of one installation: its lock, sockets, ports and keys, and state.json, which tells
other programs (tests/stack.py) where everything is."""

import fcntl
import json
import os
import random
import secrets
import shutil
import signal
import socket
import tempfile
import time

FOLDERS = ("db", "keys", "log", "nginx", "outbox", "redis", "run")
# A unix socket's path has at most 107 bytes; the longest name in the folder is `push-99.sock`.
SOCKET_FOLDER_MAX = 107 - len("/push-99.sock")
LOG_KEPT_BYTES = 32 * 1024 * 1024


class Refused(Exception):
    """Why the installation does not start, as a sentence for the user."""


class Places:
    def __init__(self, data):
        self.data = os.path.abspath(data)
        self.lock = None
        self.sockets = None

    def path(self, *parts):
        return os.path.join(self.data, *parts)

    def log(self, name):
        return self.path("log", name + ".log")

    def socket(self, name):
        return os.path.join(self.sockets, name + ".sock")

    def claim(self):
        """Creates the folders and takes the lock, which the kernel releases when this process ends."""
        if any(c in self.data for c in '"\\\n$'):
            raise Refused(f"The data folder's path contains a quote, dollar sign, backslash or line "
                          f"break, which nginx's configuration cannot express: {self.data}")
        try:
            for name in FOLDERS:
                os.makedirs(self.path(name), exist_ok=True)
            for name in ("db", "keys", "nginx", "outbox", "redis", "run"):
                os.chmod(self.path(name), 0o700)
            self.lock = os.open(self.path("lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as e:
            raise Refused(f"The data folder {self.data} cannot be written: {e.strerror}.") from None
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refused(f"The data folder {self.data} is in use by another Taskwire: choose "
                          f"another with --data, or stop that one with deploy/down.") from None
        os.ftruncate(self.lock, 0)
        os.write(self.lock, b"%d\n" % os.getpid())
        end_leftovers(self.read_state())
        self.sockets = self.socket_folder()
        self.make_keys()
        self.rotate_logs()

    def socket_folder(self):
        own = self.path("run")
        for name in os.listdir(own):
            if name.endswith((".sock", ".hold")):
                os.unlink(os.path.join(own, name))
        if len(os.fsencode(own)) <= SOCKET_FOLDER_MAX:
            return own
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        short = runtime if 0 < len(runtime) < 60 and os.access(runtime, os.W_OK) else "/tmp"
        return tempfile.mkdtemp(prefix="taskwire-", dir=short)

    def make_keys(self):
        path = self.path("keys", "signing.keys")
        if not os.path.exists(path):
            fd = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(fd, "w") as f:
                f.write(f"k{time.strftime('%Y%m%d')} {secrets.token_hex(32)}\n")
                f.flush()
                os.fsync(f.fileno())
            os.rename(path + ".new", path)
        return path

    def rotate_logs(self):
        for name in os.listdir(self.path("log")):
            path = self.path("log", name)
            if name.endswith(".log") and os.path.getsize(path) > LOG_KEPT_BYTES:
                os.rename(path, path + ".1")

    def write_state(self, state):
        path = self.path("state.json")
        with open(path + ".new", "w") as f:
            json.dump(state, f, indent=2)
            f.write("\n")
        os.rename(path + ".new", path)

    def read_state(self):
        try:
            with open(self.path("state.json")) as f:
                return json.load(f)
        except (OSError, ValueError):
            return {}

    def write_env(self, settings):
        """The programs' settings for a shell: `set -a; . var/env; var/build/taskwire-api`."""
        with open(self.path("env"), "w") as f:
            os.fchmod(f.fileno(), 0o600)
            for name in sorted(settings):
                f.write("%s='%s'\n" % (name, settings[name].replace("'", "'\\''")))

    def leave(self):
        for path in (self.path("state.json"), self.path("env")):
            if os.path.exists(path):
                os.unlink(path)
        if self.sockets and self.sockets != self.path("run"):
            shutil.rmtree(self.sockets, ignore_errors=True)


def stat_of(pid):
    """The fields of /proc/PID/stat after the name, or None: [2] is the process group, [19] the start time."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()
    except OSError:
        return None


def started_at(pid):
    """A process's start time; together with the pid it identifies the process."""
    fields = stat_of(pid)
    return int(fields[19]) if fields else None


def end_leftovers(state):
    """Ends what a killed supervisor left behind; usually the kernel already has (see keeper.py)."""
    born = {p["pid"]: p["startedAt"] for p in state.get("programs", {}).values() if p["pid"]}
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        limit = time.monotonic() + 10
        while groups := groups_alive(born):
            if time.monotonic() > limit:
                break
            for group in groups:
                try:
                    os.killpg(group, signal_number)
                except OSError:
                    pass
            time.sleep(0.1)


def groups_alive(born):
    """The process groups of {leader: start time} that still have a member; a group number that has been
    reused since has a leader with another start time."""
    alive = set()
    for name in os.listdir("/proc"):
        fields = stat_of(name) if name.isdigit() else None
        if fields and fields[0] != "Z" and int(fields[2]) in born:
            group = int(fields[2])
            if started_at(group) in (None, born[group]) and int(fields[19]) >= born[group]:
                alive.add(group)
    return alive


def require_port(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except PermissionError:
            raise Refused(f"Port {port} is reserved for root: "
                          f"choose one from 1024 up with --port.") from None
        except OSError as e:
            raise Refused(f"Port {port} on 127.0.0.1 is not available ({e.strerror}): "
                          f"choose another with --port.") from None


def free_port(taken, wanted=None):
    """A free port below the range that the kernel uses for outgoing connections, so that none of those
    takes it while its program restarts."""
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
            top = max(12000, int(f.read().split()[0]))
    except (OSError, ValueError):
        top = 32768
    for attempt in range(1000):
        port = wanted if wanted and attempt == 0 else random.randrange(10000, top)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in taken:
            taken.add(port)
            return port
    raise Refused("There is no free port on 127.0.0.1.")
