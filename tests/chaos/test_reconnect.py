"""The short form of `tests/chaos/reconnect.py`, which drops 1,000 clients 20 times each."""
import os

import pytest

import checker
from reconnect import Reconnect

SEED = int(os.environ.get("CHAOS_SEED", "1"))


@pytest.mark.timeout(90)
def test_clients_dropped_repeatedly_end_with_the_state_of_a_fresh_load(stack, tmp_path):
    storm = Reconnect(stack, tmp_path, clients=200, drops=5, seed=SEED, followers=3)
    report, wrong = storm.rage(60)
    verdict = checker.judge_folder(tmp_path)
    print(report, dict(verdict.counts), f"{storm.seconds:.1f} s")
    assert not storm.progress.failures and not wrong
    assert verdict.violations == [], f"seed {SEED}"
    assert report["drops"] == 1000
