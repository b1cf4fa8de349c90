"""All faults that mongo-proxy (tests/proxy/faults.h) can cause in the commands of a change, as rows."""
import os
import threading
import time

# The commands of a change, in their order: of a new task, with a key, in a known project.
COMMANDS = ["update collection=topics", "insert collection=tasks", "insert collection=events",
            "insert collection=idempotency", "commitTransaction"]
# What the server answers (its error codes; the labels are its own).
TRANSIENT = "TransientTransactionError"
RETRYABLE = "RetryableWriteError"
CODES = {24: "LockTimeout", 91: "ShutdownInProgress", 112: "WriteConflict", 189: "PrimarySteppedDown",
         251: "NoSuchTransaction", 365: "TemporarilyUnavailable", 10107: "NotWritablePrimary",
         11600: "InterruptedAtShutdown", 11602: "InterruptedDueToReplStateChange",
         13436: "NotPrimaryOrSecondary"}
UNDONE = {24, 112, 251, 365}  # at a commit: certainly not done


def rows(every="TASKWIRE_LONG" in os.environ):
    """All of them, or each code for one of the commands before the commit."""
    for n, command in enumerate(COMMANDS):
        yield f"cut-before command={command}"
        yield f"cut-after command={command}"
        if command != "commitTransaction":
            yield from (f"error command={command} code={code} labels={TRANSIENT}"
                        for i, code in enumerate(CODES) if every or i % 4 == n)
            yield f"error command={command} code=50"
    for code in CODES:
        label = TRANSIENT if code in UNDONE else RETRYABLE
        yield f"error command=commitTransaction code={code} labels={label}"
        if code not in UNDONE:
            yield f"error-after command=commitTransaction code={code} labels={label}"
            yield f"concern command=commitTransaction code={code} labels={label}"
    yield "error command=commitTransaction code=50"
    yield "error-after command=commitTransaction code=50"
    yield "concern command=commitTransaction code=64"
    yield "delay command=commitTransaction ms=300"
    yield "hold command=commitTransaction ms=300"
    yield "cut-after command=commitTransaction times=2"
    yield "vanish command=commitTransaction"


def until_done(send, seconds=15):
    """Repeats the request after each 503, as a client would; returns the first other response."""
    limit = time.monotonic() + seconds
    while True:
        reply = send()
        if reply.status != 503:
            return reply
        assert int(reply.headers["retry-after"]) >= 1
        assert time.monotonic() < limit, f"still {reply}"
        time.sleep(0.05)


def log_of(anna, project):
    """All events of a project, whose numbers must have no gap."""
    items, cursor = [], None
    while True:
        page = anna.get(f"/v1/projects/{project['id']}/events?limit=200" + (f"&since={cursor}" if cursor else ""))
        page.expect(200)
        items += page["items"]
        cursor = page["nextCursor"]
        if not page["items"] or cursor is None:
            break
    numbers = [e["seq"] for e in items]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), numbers
    return items


class Saboteur(threading.Thread):
    """Asks the proxy of a stack for one fault after another until stop is set."""

    def __init__(self, stack, dice, stop, pause=0.2):
        super().__init__(daemon=True)
        self.stack, self.dice, self.stop, self.pause, self.count = stack, dice, stop, pause, 0
        self.rows = [*rows(every=True), "empty command=find collection=idempotency level=majority"]

    def run(self):
        while not self.stop.wait(self.dice.uniform(0, 2 * self.pause)):
            self.stack.proxy_control(f"add {self.dice.choice(self.rows)} nth={self.dice.randint(1, 20)}")
            self.count += 1
        self.stack.proxy_control("clear")
