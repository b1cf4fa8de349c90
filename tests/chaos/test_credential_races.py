"""The short form of `tests/chaos/credential_races.py`, which makes 200 rounds."""
import pytest

from client import SETTINGS
from credential_races import SLOWER, Races
from skew import skewed_build
from stack import Stack


@pytest.mark.timeout(120)
def test_nothing_opened_during_a_credential_event_outlives_it(tmp_path):
    with Stack(build=skewed_build(tmp_path, "-30s"), api=2, settings={**SETTINGS, **SLOWER}) as stack:
        races = Races(stack)
        assert races.run(2) == []
    assert races.ended > 20 and max(races.took) < 10, (races.ended, races.took)
