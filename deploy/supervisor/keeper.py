"""Keeps programs running: starts each in its own process group with its output in a log file, restarts
it when it dies, with growing delays if it dies right after each start, and stops them all.
While there is a file NAME.hold beside the sockets, that program stays stopped."""

import ctypes
import os
import select
import signal
import subprocess
import time

from places import started_at

PR_SET_CHILD_SUBREAPER = 36
FIRST_WAIT = 0.1
LONGEST_WAIT = 10.0
# A program that was killed from outside has not failed.
LONGEST_WAIT_IF_KILLED = 1.0
# A program that ran this long did start: its next death counts as a new failure.
LIVED = 5.0
# The time that a dead program's children get before they are killed; they hold its sockets.
ORPHANS_WAIT = 0.5


class Program:
    def __init__(self, name, argv, places, env=None, cwd=None, is_up=None,
                 stop_signal=signal.SIGTERM):
        self.name, self.argv, self.env, self.cwd = name, argv, env, cwd
        self.log = places.log(name)
        self.hold = places.path("run", name + ".hold")
        self.held = False
        self.is_up = is_up or (lambda: True)
        self.stop_signal = stop_signal
        self.process = None
        self.group = None
        self.starts = 0
        self.quick_deaths = 0
        self.born = 0.0
        self.due = 0.0
        self.kill_orphans_at = 0.0
        self.last_exit = ""

    def running(self):
        return self.process is not None

    def say(self, text):
        with open(self.log, "a") as f:
            f.write(f"supervisor: {text}\n")

    def start(self):
        self.starts += 1
        self.born = time.monotonic()
        # setpriv makes the kernel end the program if this supervisor itself is killed.
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "--"] + self.argv, env=self.env, cwd=self.cwd,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        self.group = self.process.pid

    def signal_group(self, number):
        try:
            os.killpg(self.group, number)
        except ProcessLookupError:
            pass

    def has_orphans(self):
        """Reaps a dead program's children; false if none is left."""
        try:
            while os.waitpid(-self.group, os.WNOHANG) != (0, 0):
                pass
            return True
        except ChildProcessError:
            return False

    def died(self, code):
        lived = time.monotonic() - self.born
        self.last_exit = f"signal {-code}" if code < 0 else f"exit status {code}"
        self.quick_deaths = self.quick_deaths + 1 if lived < LIVED and not self.held else 1
        longest = LONGEST_WAIT_IF_KILLED if code == -signal.SIGKILL else LONGEST_WAIT
        wait = min(FIRST_WAIT * 2 ** (self.quick_deaths - 1), longest)
        self.due = time.monotonic() + wait
        self.kill_orphans_at = time.monotonic() + ORPHANS_WAIT
        self.process = None
        self.signal_group(signal.SIGTERM)
        again = "held" if self.held else f"starting it again in {wait:.1f} s"
        self.say(f"{self.name} ended ({self.last_exit}) after {lived:.1f} s; {again}")

    def tick(self):
        """Checks the program; true if its state changed."""
        now = time.monotonic()
        was_held, self.held = self.held, os.path.exists(self.hold)
        if self.process is not None:
            if self.held and not was_held:
                self.process.send_signal(self.stop_signal)
            code = self.process.poll()
            if code is None:
                return False
            self.died(code)
            return True
        if self.has_orphans():
            if now > self.kill_orphans_at:
                self.signal_group(signal.SIGKILL)
            return False
        if now < self.due or self.held:
            return False
        self.start()
        return True


class Keeper:
    """All programs; `changed` is called whenever one was started or died."""

    def __init__(self, changed):
        self.programs = []
        self.changed = changed
        self.stop_asked = 0
        # Signals only wake the loop; handlers do nothing but count.
        self.wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # A dead program's children become ours, so that we notice when the last one has ended.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.ask_stop)

    def ask_stop(self, *_):
        self.stop_asked += 1

    def start(self, program):
        self.programs.append(program)
        program.start()
        self.changed()

    def tick(self, seconds=0.25):
        """Sleeps until a child dies, a signal arrives or the time is over, then checks all programs."""
        waits = [p.due - time.monotonic() for p in self.programs if not p.running() and not p.held]
        select.select([self.wake], [], [], max(0.02, min([seconds] + waits)))
        try:
            os.read(self.wake, 4096)
        except BlockingIOError:
            pass
        if not self.stop_asked and any([p.tick() for p in self.programs]):
            self.changed()

    def stop(self, names, seconds):
        """Stops the named programs together; kills those left after `seconds` or after a second
        request to stop."""
        stopping = [p for p in self.programs if p.name in names]
        self.programs = [p for p in self.programs if p.name not in names]
        asked, limit = self.stop_asked, time.monotonic() + seconds
        for p in stopping:
            if p.running():
                p.process.send_signal(p.stop_signal)
        while any(p.running() and p.process.poll() is None for p in stopping):
            if time.monotonic() > limit or self.stop_asked > asked:
                break
            time.sleep(0.02)
        for p in stopping:
            p.signal_group(signal.SIGKILL)
            if p.running():
                p.process.wait()
            while p.has_orphans():
                time.sleep(0.01)

    def describe(self):
        return {p.name: {"pid": p.process.pid if p.running() else None,
                         "startedAt": started_at(p.process.pid) if p.running() else None,
                         "starts": p.starts, "log": p.log} for p in self.programs}
