"""The short form of `tests/chaos/consent_races.py`, which makes 200 rounds."""
import pytest

from client import SETTINGS
from consent_races import Races
from stack import Stack


@pytest.mark.timeout(120)
def test_concurrent_decisions_about_one_membership_are_serialized():
    with Stack(api=2, settings=SETTINGS) as stack:
        races = Races(stack)
        assert races.run(5) == []
    assert all(sum(won) == 5 for won in races.firsts.values()), races.firsts
