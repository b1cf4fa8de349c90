"""Additional push daemons for a test, on the stack's database."""
import contextlib
import os
import pathlib
import shlex
import signal
import socket
import subprocess

from client import World, eventually
from stack import SANITIZER


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listening(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def settings_of(stack):
    """What deploy/up gave the stack's own programs."""
    lines = (stack.data / "env").read_text().splitlines()
    return dict(shlex.split(line)[0].split("=", 1) for line in lines)


@contextlib.contextmanager
def daemon(stack, folder, **settings):
    """A push daemon in addition to the stack's own, over the same database, serving browsers directly."""
    port = free_port()
    env = {**os.environ, **settings_of(stack), "PUSH_SOCKET": str(folder / "push.sock"), "PUSH_METRICS": "",
           "PUSH_LISTEN": f"127.0.0.1:{port}", **settings}
    with open(folder / "push.log", "wb") as log:
        process = subprocess.Popen([pathlib.Path(stack.build) / "taskwire-push"], env=env, stderr=log,
                                   stdout=log)
    try:
        eventually(lambda: listening(port) or process.poll() is not None, within=30, what="the daemon")
        assert process.poll() is None, (folder / "push.log").read_text()
        other = World(stack.url, f"ws://127.0.0.1:{port}/v1/live", origin=stack.url)
        other.process = process
        yield other
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        reports = SANITIZER.findall((folder / "push.log").read_text(errors="replace"))
        assert not reports, f"a sanitizer complained of the daemon in {folder}"
