"""The whole system for a test: deploy/up --detach on a free port with a data folder of its own,
stopped and removed at the end.  What deploy/up wrote into state.json says where everything is."""
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
SANITIZER = re.compile(r"^.*(AddressSanitizer|LeakSanitizer|ThreadSanitizer|: runtime error: ).*", re.MULTILINE)


class Stack:
    """With no arguments: the programs in TASKWIRE_BUILD (default var/build), one of each.
    proxy: they reach the database through mongo-proxy (tests/proxy)."""

    def __init__(self, build=None, data=None, api=1, push=1, jobs=1, settings=None, port=None,
                 proxy=False):
        self.build = str(build or os.environ.get("TASKWIRE_BUILD") or ROOT / "var" / "build")
        self.own_data = data is None
        self.data = pathlib.Path(data or tempfile.mkdtemp(prefix="taskwire-test-"))
        self.api, self.push, self.jobs, self.port = api, push, jobs, port
        self.settings = dict(settings or {})
        if proxy:
            self.settings["MONGODB_PROXY"] = str(pathlib.Path(self.build) / "mongo-proxy")

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.port = self.port or free_port()
        command = [ROOT / "deploy" / "up", "--detach", "--build", self.build, "--data", self.data,
                   "--port", self.port, "--api", self.api, "--push", self.push, "--jobs", self.jobs,
                   "--with-pid", os.getpid()]
        env = {**os.environ, "UBSAN_OPTIONS": "print_stacktrace=1", **self.settings}
        done = subprocess.run([str(c) for c in command], env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=300)
        if done.returncode != 0:
            raise RuntimeError(f"deploy/up failed:\n{done.stdout}")
        return self

    def stop(self, check=True):
        """Stops all, and removes a data folder of our own; complains of what a sanitizer said."""
        with subprocess.Popen([str(ROOT / "deploy" / "down"), "--data", str(self.data)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as down:
            if self.own_data:
                self.kill_database_at_the_end(down)
            assert down.wait(timeout=120) == 0
        reports = self.sanitizer_reports()
        if self.own_data and not reports:
            shutil.rmtree(self.data, ignore_errors=True)
        if check and reports:
            raise AssertionError("A sanitizer complained, see %s:\n%s"
                                 % (self.data / "log", "\n".join(reports[:20])))

    def kill_database_at_the_end(self, down):
        """The stand-in takes two seconds to close its files, which are about to be removed."""
        if not (self.data / "state.json").exists():
            return
        pids = self.pids()
        database = pids.pop("mongodb", None)
        while database and down.poll() is None:
            if not any(is_running(pid) for name, pid in pids.items() if name.startswith(("api-", "jobs-", "push-"))):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(database, signal.SIGKILL)
                return
            time.sleep(0.02)

    def restart(self):
        """Down and up again on the same data and port."""
        own, self.own_data = self.own_data, False
        self.stop()
        self.own_data = own
        return self.start()

    def sanitizer_reports(self):
        return [f"{name}: {line.group()}" for name, text in self.logs().items()
                for line in SANITIZER.finditer(text)]

    # Where everything is.

    @property
    def state(self):
        return json.loads((self.data / "state.json").read_text())

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self):
        return f"ws://127.0.0.1:{self.port}/v1/live"

    @property
    def mongodb_uri(self):
        return self.state["mongodb"]["uri"]

    @property
    def mongodb_database(self):
        return self.settings.get("MONGODB_DATABASE", os.environ.get("MONGODB_DATABASE", "taskwire"))

    @property
    def redis_url(self):
        return self.state["redis"]["url"]

    @property
    def signing_keys_file(self):
        return self.data / "keys" / "signing.keys"

    def metrics_url(self, program):
        return f"http://{self.state['programs'][full_name(program)]['metrics']}/metrics"

    def socket(self, program):
        return self.state["programs"][full_name(program)]["socket"]

    def logs(self, program=None):
        """The text of one program's log, or of all by name (nginx's access log is `access`)."""
        if program:
            path = self.data / "log" / f"{full_name(program)}.log"
            return path.read_text(errors="replace") if path.exists() else ""
        return {p.stem: p.read_text(errors="replace") for p in (self.data / "log").glob("*.log")}

    def proxy_control(self, line):
        """Sends mongo-proxy a line (tests/proxy/faults.h); its answer, a number."""
        path = self.state["programs"]["proxy"]["socket"]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind("")  # a name of the kernel's choice, for the answer
            s.settimeout(5)
            s.sendto(line.encode(), path)
            answer = int(s.recv(64))
        assert answer >= 0, f"mongo-proxy refuses {line!r}"
        return answer

    @contextlib.contextmanager
    def fault(self, *lines):
        """For as long as the block lasts, mongo-proxy does that harm; the faults' numbers, for fault_hits().

        It happens to taskwire-api alone, so that another program's work in the background does not use it up; a line may name
        another (`program=taskwire-jobs`) or all of them (`program=`).
        """
        numbers = [self.proxy_control("add " + line + ("" if " program=" in line else " program=taskwire-api")) for line in lines]
        try:
            yield numbers
        finally:
            self.proxy_control("clear")

    def fault_hits(self, number):
        """How often the fault has struck."""
        return self.proxy_control(f"hits {number}")

    # Processes, and how to hurt them.

    def pids(self):
        """The pid of every program by name: mongodb redis api-1 push-1 jobs-1 nginx."""
        return {name: p["pid"] for name, p in self.state["programs"].items()}

    def workers(self, program):
        """The child processes of a program: taskwire-api's and nginx's workers."""
        pid = self.pids()[full_name(program)]
        try:
            return [int(p) for p in
                    pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            return []

    def kill(self, program, number=signal.SIGKILL):
        """Sends a signal to a program's first process; returns its pid for wait_restarted()."""
        pid = self.pids()[full_name(program)]
        if pid:
            os.kill(pid, number)
        return pid

    def kill_worker(self, program, number=signal.SIGKILL):
        """Sends a signal to one of a program's workers, picked by chance; None if there is none."""
        workers = self.workers(program)
        if not workers:
            return None
        pid = random.choice(workers)
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return None
        return pid

    @contextlib.contextmanager
    def without(self, program):
        """For as long as the block lasts, the program is stopped, and not started again."""
        name = full_name(program)
        hold = self.data / "run" / f"{name}.hold"
        hold.touch()
        try:
            self.wait_for(lambda: self.pids()[name] is None, f"{name} did not stop")
            yield
        finally:
            hold.unlink()
            self.wait_for(lambda: self.pids()[name], f"{name} was not started again")

    @contextlib.contextmanager
    def api_with(self, **settings):
        """For as long as the block lasts, api-1 runs with other settings.  restart() would take seconds more."""
        shell = subprocess.run(["bash", "-c", "set -a; . ./env; env -0"], cwd=self.data, check=True,
                               capture_output=True, text=True, env={**os.environ, **self.settings})
        env = {**dict(pair.split("=", 1) for pair in shell.stdout.split("\0") if pair),
               "API_SOCKET": self.socket("api"), **settings}
        program = ["setpriv", "--pdeathsig", "TERM", "--", str(pathlib.Path(self.build) / "taskwire-api")]
        with self.without("api"), (self.data / "log" / "api-1.log").open("a") as log:
            running = subprocess.Popen(program, cwd=self.data, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            try:
                self.wait_for(self.is_ready, "the api with other settings did not answer")
                yield
            finally:
                running.terminate()
                running.wait(30)
        self.wait_for(self.is_ready, "the api did not answer again")

    def is_ready(self):
        try:
            with urllib.request.urlopen(self.url + "/v1/ready", timeout=5) as reply:
                return reply.status == 200
        except OSError:
            return False

    def wait_restarted(self, program, old_pid, seconds=15):
        """Until the supervisor has started the program again; its new pid."""
        name = full_name(program)
        return self.wait_for(lambda: self.pids()[name] not in (None, old_pid) and self.pids()[name],
                             f"{name} was not started again", seconds)

    def restart_programs(self, *programs):
        """Ends programs, which the supervisor then starts again; restart() would take seconds more."""
        for program, pid in [(program, self.kill(program, signal.SIGTERM)) for program in programs]:
            self.wait_restarted(program, pid)
        self.wait_for(self.is_ready, "the api did not answer again")

    def wait_for(self, condition, complaint, seconds=15):
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            value = condition()
            if value:
                return value
            time.sleep(0.02)
        raise AssertionError(f"{complaint} within {seconds} s")


def full_name(program):
    return program + "-1" if program in ("api", "push", "jobs") else program


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # the second if it ends between opening and reading
        return False


def free_port():
    """Below the kernel's range for outgoing connections, so that none of those takes it."""
    while True:
        port = random.randrange(10000, 30000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
