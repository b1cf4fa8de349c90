"""The short form of `tests/chaos/races.py`, which makes 10,000 runs."""
import os

import pytest

from races import Races

SEED = int(os.environ.get("CHAOS_SEED", "1"))


@pytest.mark.timeout(90)
def test_loading_and_then_following_is_never_stale(stack, tmp_path):
    races = Races(stack, tmp_path, runs=200, seed=SEED)
    wrong, events = races.rage(60)
    print(f"{races.seconds:.1f} s, {sum(n > 0 for n in events)} runs with events, {races.progress.acked} changes")
    assert not races.progress.failures
    assert wrong == [], f"seed {SEED}"
    assert len(events) == 200 and sum(n > 0 for n in events) >= 100
