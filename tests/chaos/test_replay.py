"""The short form of `tests/replay/run`: the first 100 entries of a real backlog, with followers."""
import pathlib
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "replay"))

import backlog  # noqa: E402
from player import Replay  # noqa: E402


@pytest.mark.timeout(120)
def test_after_replaying_a_real_backlog_every_follower_equals_the_snapshots(world):
    replay = Replay(world, backlog.read(limit=100), writers=4, followers=3, say=lambda *_: None)
    replay.run()
    print(*replay.report(), sep="\n")
    assert not replay.failures
    assert all(f.received >= 100 and f.resumed >= 1 for f in replay.followers)
