"""The short form of `tests/chaos/drain.py`: SIGTERM to a push daemon, and to a worker, under load."""
import itertools
import os
import signal
import threading

import pytest

import checker
from client import World, eventually
from drain import Drain
from stack import is_running

SEED = int(os.environ.get("CHAOS_SEED", "1"))


@pytest.mark.timeout(120)
def test_a_rolling_restart_closes_sockets_gradually_and_loses_nothing(stack, tmp_path):
    storm = Drain(stack, tmp_path, clients=100, seed=SEED)
    report, wrong = storm.rage(60)
    verdict = checker.judge_folder(tmp_path)
    print(report, storm.exits, storm.spreads, dict(storm.progress.retries))
    assert not storm.progress.failures and not wrong
    assert verdict.violations == [], f"seed {SEED}"
    assert max(storm.exits) <= 10
    assert storm.sent_away >= 100 and set(report["ended"]) == {"1012"}, "every socket is told to come back"
    assert min(storm.spreads) >= 1, "they are not sent away all at once"
    assert not storm.progress.retries, "the restart of push is nothing to the API"


@pytest.mark.timeout(60)
def test_a_worker_that_is_stopped_finishes_its_requests(stack):
    """It exits within ten seconds; requests without a response are told to retry, and then succeed."""
    anna = World(stack.url, stack.ws_url, strict=False).user("anna")
    answers, stop = [], threading.Event()

    def write(number):
        for n in itertools.count():
            key = f"stop-{number}-{n}-{os.urandom(8).hex()}"
            for _ in range(50):
                answers.append(anna.post("/v1/tasks", title=key, key=key))
                if answers[-1].status == 201:
                    break
            if stop.is_set():
                return

    writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in writers:
        thread.start()
    eventually(lambda: len(answers) > 20, what="the first answers")
    for worker in stack.workers("api"):
        os.kill(worker, signal.SIGTERM)
        eventually(lambda: not is_running(worker), within=10, what="the end of a worker")
    so_far = len(answers)
    eventually(lambda: len(answers) > so_far + 20, what="answers of its successor")
    stop.set()
    for thread in writers:
        thread.join(20)
    failed = [a for a in answers if a.status != 201]
    print(f"{len(answers)} answers, {len(failed)} not at once: {sorted({a.status for a in failed})}")
    assert all(a.status in (502, 503) and "retry-after" in a.headers for a in failed), failed[:3]
    made = [a["title"] for a in answers if a.status == 201]
    kept = [t["title"] for t in anna.pages("/v1/tasks")]
    assert sorted(made) == sorted(kept), "each took effect once"
