"""Whatever is killed, no acknowledged change is lost or duplicated, and followers get every event once and in order.

The short form of `tests/chaos/run`, which takes the same parameters and can run for hours.
"""
import os

import pytest

import checker
from storm import Storm

SEED = int(os.environ.get("CHAOS_SEED", "1"))


@pytest.mark.parametrize("targets, changes, kills", [
    (("worker", "api", "push-1", "push-2"), 300, 10),
    (("worker", "push-1", "push-2", "redis", "mongodb"), 150, 8)],
                         ids=["workers and push", "everything"])
@pytest.mark.timeout(150)
def test_killing_processes_loses_no_acknowledged_change_and_misleads_no_follower(stack, tmp_path, targets, changes, kills):
    storm = Storm(stack, tmp_path, changes=changes, kills=kills, seed=SEED, targets=targets)
    storm.rage()
    verdict = checker.judge_folder(tmp_path)
    print(dict(verdict.counts), dict(storm.killer.killed), dict(storm.progress.retries))
    assert not storm.progress.failures
    assert verdict.violations == [], f"seed {SEED}"
    assert sum(storm.killer.killed.values()) == kills and verdict.counts["acknowledged"] >= changes
