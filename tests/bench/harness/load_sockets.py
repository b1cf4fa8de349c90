"""Many sockets of one kind, opened by one load_ws process."""
import json
import subprocess
import time


class LoadSockets:
    def __init__(self, folder, live, count):
        self.count = count
        self.child = subprocess.Popen(
            [str(folder / "load_ws"), f"127.0.0.1:{live.port}", str(count), live.path,
             live.headers, *live.steps], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        self.child.wait(30)

    def ask(self, word):
        self.child.stdin.write(word + "\n")
        self.child.stdin.flush()
        if word != "report":
            return None
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError("the sockets' program has ended")
        return json.loads(line)

    def wait_ready(self, seconds=120):
        """Waits until all follow; returns how long it took."""
        began = time.monotonic()
        while True:
            state = self.ask("report")
            if state["ready"] == self.count:
                return time.monotonic() - began
            if state["closed"] or time.monotonic() - began > seconds:
                raise RuntimeError(f"not all sockets came up: {state}")
            time.sleep(0.02)

    def wait_for(self, deliveries, seconds=30):
        limit = time.monotonic() + seconds
        while True:
            state = self.ask("report")
            if state["deliveries"] >= deliveries:
                return state
            if state["closed"] or time.monotonic() > limit:
                raise RuntimeError(f"{deliveries} deliveries were expected: {state}")
            time.sleep(0.02)
