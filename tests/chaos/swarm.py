"""Starts and controls the WebSocket clients of c/swarm.c."""
import atexit
import functools
import json
import pathlib
import queue
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.parse
import zlib

HERE = pathlib.Path(__file__).resolve().parent
PER_PERSON = 25  # clients of one account: push allows 50 sockets of a user on a daemon


@functools.cache
def program(name, *sources):
    """Compiles sources of tests/ once per run."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="taskwire-swarm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    subprocess.run(["cc", "-std=c17", "-D_GNU_SOURCE", "-O2", "-o", folder / name,
                    *(HERE.parent / source for source in sources)], check=True)
    return folder / name


class Swarm:
    """`until` and `report` as c/swarm.c has them."""

    def __init__(self, ws_url, origin, topic, tokens, clients, cursor=None, drops=0, seed=1):
        at = urllib.parse.urlsplit(ws_url)
        self.tokens = tempfile.NamedTemporaryFile("w", suffix=".tokens")
        self.tokens.write("\n".join(tokens) + "\n")
        self.tokens.flush()
        command = [program("swarm", "chaos/c/swarm.c", "chaos/c/wire.c"), at.hostname, at.port, origin,
                   topic, cursor or "-", self.tokens.name, clients, drops, seed]
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.tokens.close()

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self, why, within):
        """The next report of a kind: `following` once all clients follow, `done` once all are done."""
        end = time.monotonic() + within
        try:
            while True:
                report = json.loads(self.lines.get(timeout=max(0.0, end - time.monotonic())) or "null")
                assert report, f"the swarm ended with {self.process.wait()}"
                if report["why"] == why:
                    return report
        except queue.Empty:
            raise AssertionError(f"the swarm was not {why} within {within} s") from None

    def report(self, within=10):
        self.say("report")
        return self.answer("asked", within)

    def wait(self, condition, within, what):
        """Polls until condition(report) is true."""
        end = time.monotonic() + within
        while True:
            report = self.report()
            if condition(report):
                return report
            assert time.monotonic() < end, f"{what} did not come true within {within} s: {report}"
            time.sleep(0.05)

    def finish(self, seq, within):
        self.say(f"until {seq}")
        return self.answer("done", within)


def crc_of(frames):
    """The CRC of a client that received exactly these frames."""
    crc = 0
    for frame in frames:
        crc = zlib.crc32(frame.encode(), crc)
    return crc


def complaints(report, frames):
    """The differences from a swarm that received exactly these frames."""
    wrong = {k: report[k] for k in ("gaps", "repeats", "resyncs", "errors", "others") if report[k]}
    if report["crc"] != crc_of(frames):
        wrong["crc"] = f"not that of the log's {len(frames)} frames"
    return wrong
